"""Export a classifier with its noise as an input, and compare its answers with Algorithm 1 in float64."""

import os
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.errors import UserError
from dynanoise_export.exporting import Exported, export
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.sources.source_model import SourceOptions
from support.algorithm import algorithm_1

Inputs = Mapping[str, np.ndarray]
BATCHES = (1, 3, 32)
TOLERANCE = 1e-5


def random_defence(seed: int) -> DynaNoise:
    """Draw parameters, from hardly any noise to much and from sharp answers to flat ones."""
    generator = np.random.default_rng(seed)
    sigma0, temperature = np.exp(generator.uniform(np.log([0.05, 0.5]), np.log([20, 20])))
    return DynaNoise(float(sigma0), float(generator.uniform(0, 10)), float(temperature))


@dataclass(frozen=True)
class Defended:
    """A defended file, opened."""

    exported: Exported
    defence: DynaNoise
    session: onnxruntime.InferenceSession

    def answer(self, inputs: Inputs, noise: np.ndarray) -> np.ndarray:
        """Run the file: inputs and standard normals [n, k] to probabilities [n, k]."""
        name = self.exported.provenance.noise_input
        assert name is not None
        return self.session.run(["probabilities"], {**inputs, name: noise})[0]

    def shapes(self) -> dict[str, list[int | str]]:
        """Give the shapes of the file's inputs by name."""
        return {value.name: value.shape for value in self.session.get_inputs()}


def defended(path: Path, folder: Path, seed: int = 0, **options: object) -> Defended:
    """Export the classifier at `path` into `folder`, with parameters drawn by the seed and these source options."""
    defence = random_defence(seed)
    exported = export(
        path,
        folder / "defended.onnx",
        defence=defence,
        noise=NoiseSource.INPUT,
        source_options=SourceOptions(**options),
    )
    return Defended(exported, defence, session_of(exported.path))


def session_of(path: Path) -> onnxruntime.InferenceSession:
    """Open a file in ONNX Runtime, on one thread."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def assert_algorithm_1(
    made: Defended,
    logits_of: Callable[[Inputs], np.ndarray],
    inputs_of: Callable[[np.random.Generator, int], Inputs],
    batches: tuple[int, ...] = BATCHES,
) -> None:
    """Compare a defended file with Algorithm 1 on the original model's logits, under the same noise.

    Args:
        made: the file.
        logits_of: runs the original model on inputs.
        inputs_of: draws inputs of a number of rows.
        batches: the numbers of rows to try.
    """
    generator = np.random.default_rng(1)
    for rows in batches:
        inputs = inputs_of(generator, rows)
        logits = logits_of(inputs)
        noise = generator.standard_normal(logits.shape, dtype=np.float32)
        expected = algorithm_1(logits, noise, *astuple(made.defence))
        np.testing.assert_allclose(made.answer(inputs, noise), expected, rtol=0, atol=TOLERANCE)


def module_logits(module: Callable[..., object], output: str | int | None = None) -> Callable[[Inputs], np.ndarray]:
    """Make a function that runs a module on inputs in their order, and takes the logits from its outputs."""

    def logits_of(inputs: Inputs) -> np.ndarray:
        with torch.no_grad():
            outputs = module(*(torch.from_numpy(value) for value in inputs.values()))
        return (outputs if output is None else outputs[output]).numpy()

    return logits_of


def floats(**shapes: tuple[int, ...]) -> Callable[[np.random.Generator, int], Inputs]:
    """Make a function that draws float32 normals of the shapes, each the shape of one row."""

    def inputs_of(generator: np.random.Generator, rows: int) -> Inputs:
        return {name: generator.standard_normal((rows, *shape), dtype=np.float32) for name, shape in shapes.items()}

    return inputs_of


def refusal(
    path: Path, folder: Path, kind: type[UserError] = UserError, *, named: bool = True, **options: object
) -> str:
    """Export what can't be used; check that one sentence says why and nothing was written, and return the sentence.

    Args:
        path: of the classifier.
        folder: an empty one to write to.
        kind: of the error.
        named: whether the sentence must name the path.
        options: of the source.
    """
    with pytest.raises(kind) as refused:
        defended(path, folder, **options)
    sentence = str(refused.value)
    assert not named or str(path) in sentence
    assert len(sentence.splitlines()) == 1
    assert not list(folder.iterdir())
    return sentence


def data_folder() -> Path:
    """Find the folder of the real data sets, or skip the test."""
    if "DYNANOISE_DATA" not in os.environ:
        pytest.skip("DYNANOISE_DATA does not name the folder of the real data sets")
    return Path(os.environ["DYNANOISE_DATA"])
