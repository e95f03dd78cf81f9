"""The comparisons: which trainings and heads, for each target."""

from collections.abc import Mapping

from dynanoise_models.training.settings import DefenceName

from benchmarks.comparison.cases import NO_DEFENCE, Comparison, Head, Training

# A softmax at temperature 1: the model's own answers.
PLAIN = Head(NO_DEFENCE, "temperature", {"temperature": 1})


def _named(*trainings: Training) -> Mapping[str, Training]:
    return {training.name: training for training in trainings}


ALEXNET = _named(
    Training(NO_DEFENCE, shadows=6),
    Training("6-epochs", epochs=6),
    Training("hamp", DefenceName.HAMP),
    Training("relaxloss", DefenceName.RELAXLOSS),
    Training("early-stopping", DefenceName.EARLY_STOPPING, {"patience": 2}),
)

LOCATION = _named(
    Training(NO_DEFENCE, shadows=64),
    Training("5-epochs", epochs=5),
    Training("early-stopping", DefenceName.EARLY_STOPPING),
    Training("relaxloss", DefenceName.RELAXLOSS, {"alpha": 1.5}),
    Training("label-smoothing", DefenceName.LABEL_SMOOTHING),
    Training("hamp", DefenceName.HAMP, {"gamma": 0.5}),
    Training("hamp-4-epochs", DefenceName.HAMP, {"gamma": 0.5}, epochs=4),
    Training("dropout-10-epochs", DefenceName.DROPOUT, epochs=10),
    Training("advreg", DefenceName.ADVREG, {"lambda": 3}, shadows=16),
    Training("mixup-mmd", DefenceName.MIXUP_MMD, {"mu": 100}, epochs=8, shadows=16),
    Training("selena", DefenceName.SELENA, shadows=16),
)

COMPARISONS: Mapping[str, Comparison] = {
    comparison.target: comparison
    for comparison in (
        Comparison("mlp-location30", 32, LOCATION, tuple((training, PLAIN) for training in LOCATION), sample=1500),
        Comparison(
            "alexnet-cifar10", 4, ALEXNET, tuple((training, PLAIN) for training in ALEXNET), rows=20_000, sample=500
        ),
    )
}
