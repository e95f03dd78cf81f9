"""Small networks of PyTorch in the forms that exporters, quantisers and optimisers give them."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch

from benchmarks.zoo.data import ROWS, digits
from benchmarks.zoo.entry import EXACT, HALF, Entry, Made, Scores
from dynanoise_export.sources.source_model import SourceOptions

Change = Callable[[Path, Path, np.ndarray], None]

TRAINED_ROWS, EPOCHS = 1200, 30
LOGITS, SOFTMAX = Scores.LOGITS, Scores.SOFTMAX


def networks() -> Iterator[Entry]:
    """Give the entries."""
    for kind, ends in (("MLP", ""), ("MLP", " with a softmax"), ("CNN", ""), ("CNN", " with a softmax")):
        scores = SOFTMAX if ends else LOGITS
        make = partial(exported, kind, bool(ends))
        yield Entry(f"{kind}{ends}", "torch.onnx", scores, make)
        for name, (tool, change) in CHANGES.items():
            # The file's own answers are rounded, so that its logits are compared.
            rounded = bool(ends) and change.func is quantised if isinstance(change, partial) else False
            known = LOGITS if rounded else scores
            limit = HALF if name == "float16" else EXACT
            yield Entry(
                f"{kind}{ends}, {name}", f"torch.onnx, {tool}", known, partial(changed, make, change, rounded), limit
            )
    fixed = partial(exported, "CNN", False, fixed=True)
    yield Entry("CNN, fixed batch of 1", "torch.onnx", LOGITS, fixed)
    yield Entry("CNN, fixed batch of 1, --dynamic-batch", "torch.onnx", LOGITS, partial(fixed, dynamic=True))


def network(kind: str) -> torch.nn.Sequential:
    """Train a network on digits, as 64 features or as images of 8 × 8."""
    torch.manual_seed(0)
    given = digits()
    x, y = torch.from_numpy(given.x[:TRAINED_ROWS]), torch.from_numpy(given.y[:TRAINED_ROWS])
    layers = [torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)]
    if kind == "CNN":
        x = x.reshape(-1, 1, 8, 8)
        layers = [
            torch.nn.Conv2d(1, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
            torch.nn.Flatten(), torch.nn.Linear(72, 10),
        ]  # fmt: skip
    model = torch.nn.Sequential(*layers)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(EPOCHS):
        for part in torch.randperm(len(x)).split(128):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(x[part]), y[part]).backward()
            optimiser.step()
    return model.eval()


def rows_of(kind: str) -> np.ndarray:
    """Give the rows that a network is asked."""
    given = digits().few
    return given.reshape(-1, 1, 8, 8) if kind == "CNN" else given


def exported(kind: str, softmax: bool, folder: Path, *, fixed: bool = False, dynamic: bool = False) -> Made:
    """Write a network's ONNX file."""
    model = network(kind)
    path, rows = folder / "model.onnx", rows_of(kind)
    whole = torch.nn.Sequential(model, torch.nn.Softmax(1)) if softmax else model
    torch.onnx.export(
        whole, (torch.from_numpy(rows[:1]),), path, dynamo=False, input_names=["x"], output_names=["y"],
        opset_version=17, dynamic_axes=None if fixed else {"x": {0: "N"}, "y": {0: "N"}},
    )  # fmt: skip
    with torch.no_grad():
        scores = torch.cat([whole(torch.from_numpy(row[None])) for row in rows]).numpy() if fixed else None
    return Made(path, {"x": rows}, SourceOptions(dynamic_batch=dynamic), scores, digits().y[:ROWS])


def changed(make: Callable[[Path], Made], change: Change, rounded: bool, folder: Path) -> Made:
    """Make a model and let a tool change its file."""
    made = make(folder)
    path = folder / "changed.onnx"
    change(made.path, path, made.rows["x"])
    return Made(path, made.rows, scores=quantised_logits(path, made.rows) if rounded else None, labels=made.labels)


def quantised_logits(path: Path, rows: dict[str, np.ndarray]) -> np.ndarray:
    """Run a quantised file up to the input of its softmax, as floats."""
    import onnxruntime

    model = onnx.load(path)
    softmax = next(node for node in model.graph.node if "Softmax" in node.op_type)
    wanted = softmax.input[0]
    if softmax.op_type == "QLinearSoftmax":
        wanted = "logits"
        model.graph.node.append(onnx.helper.make_node("DequantizeLinear", softmax.input[:3], [wanted]))
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(wanted))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run([wanted], rows)[0]


def quantised(form: str, path: Path, output: Path, rows: np.ndarray) -> None:
    """Quantise with weights and activations of 8 bits, in ONNX Runtime's form "QDQ" or "QOperator"."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Rows(CalibrationDataReader):
        parts = iter([{"x": rows[start : start + 64]} for start in range(0, len(rows), 64)])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.parts, None)

    quantize_static(path, output, Rows(), quant_format=QuantFormat[form])


def quantised_weights(path: Path, output: Path, rows: np.ndarray) -> None:
    """Quantise the weights, and the activations while the model runs."""
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(path, output)


def optimised(level: str, path: Path, output: Path, rows: np.ndarray) -> None:
    """Let ONNX Runtime optimise a file offline."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.optimized_model_filepath, options.log_severity_level = str(output), 3
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def halved(path: Path, output: Path, rows: np.ndarray) -> None:
    """Convert a file to float16, but for its inputs and outputs."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), output)


def slimmed(path: Path, output: Path, rows: np.ndarray) -> None:
    """Let onnxslim simplify a file."""
    import onnxslim

    onnx.save(onnxslim.slim(str(path)), output)


CHANGES: dict[str, tuple[str, Change]] = {
    "8 bits, QDQ": ("onnxruntime.quantization", partial(quantised, "QDQ")),
    "8 bits, QOperator": ("onnxruntime.quantization", partial(quantised, "QOperator")),
    "8 bits, dynamic": ("onnxruntime.quantization", quantised_weights),
    "optimised offline": ("onnxruntime", partial(optimised, "ORT_ENABLE_EXTENDED")),
    "float16": ("onnxruntime.transformers", halved),
    "slimmed": ("onnxslim", slimmed),
}
