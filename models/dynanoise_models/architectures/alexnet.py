"""AlexNet, for small images and in its original form."""

from torch import nn


def alexnet(classes: int = 10, channels: int = 3, side: int = 32) -> nn.Sequential:
    """Make AlexNet (Krizhevsky et al. 2012) with its first layer adapted to images of 32 to 64 pixels.

    It has five convolutions and three fully connected layers of the original widths, with dropout before the first
    two fully connected layers.

    Args:
        classes: k; the network gives logits [n, k].
        channels: of the images.
        side: of the square images, a multiple of 16; the network takes float32 [n, channels, side, side].

    Raises:
        ValueError: the side is not a multiple of 16.
    """
    if side < 16 or side % 16:
        raise ValueError(f"the side of the images must be a multiple of 16, not {side}")
    side_left = side // 16
    return _initialised(
        nn.Conv2d(channels, 64, kernel_size=3, stride=2, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 192, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(192, 384, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(256 * side_left * side_left, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Linear(4096, classes),
    )


def alexnet224(classes: int = 10, side: int = 224) -> nn.Sequential:
    """Make AlexNet in its original form (Krizhevsky 2014, one tower); it scales its images to 224 × 224 itself.

    The papers use this form. The images [n, 3, h, w] that it takes stay small in memory and in a query.

    Args:
        classes: k; the network gives logits [n, k].
        side: the size that the images are scaled to.
    """
    return _initialised(
        nn.Upsample(size=(side, side), mode="bilinear"),
        nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(64, 192, kernel_size=5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(192, 384, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(256 * 6 * 6, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Linear(4096, classes),
    )


def _initialised(*layers: nn.Module) -> nn.Sequential:
    """Join layers, with weights drawn as He et al. 2015 do: with PyTorch's default weights, the loss hardly falls."""
    for layer in layers:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)
