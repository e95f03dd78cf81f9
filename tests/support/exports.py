"""Export a target with its noise as an input, and hold its answers against Algorithm 1 in float64."""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.errors import UserError
from dynanoise_export.exporting import Exported, ExportOptions, export
from dynanoise_export.parameters import NoiseSource, Parameters
from dynanoise_export.sources.source_model import SourceOptions
from support.algorithm import algorithm_1

Inputs = Mapping[str, np.ndarray]
BATCHES = (1, 3, 32)
TOLERANCE = 1e-5


def drawn_parameters(seed: int) -> Parameters:
    """Draw parameters, from hardly any noise to much and from sharp answers to flat ones."""
    generator = np.random.default_rng(seed)
    sigma0, temperature = np.exp(generator.uniform(np.log([0.05, 0.5]), np.log([20, 20])))
    return Parameters(float(sigma0), float(generator.uniform(0, 10)), float(temperature))


@dataclass(frozen=True)
class Defended:
    """A defended file, opened."""

    exported: Exported
    parameters: Parameters
    session: onnxruntime.InferenceSession

    def answer(self, inputs: Inputs, noise: np.ndarray) -> np.ndarray:
        """Ask the file: inputs and standard normals [n, k] to probabilities [n, k]."""
        name = self.exported.provenance.noise_input
        assert name is not None
        return self.session.run(["probabilities"], {**inputs, name: noise})[0]

    def shapes(self) -> dict[str, list[int | str]]:
        """Tell the shapes of the file's inputs."""
        return {value.name: value.shape for value in self.session.get_inputs()}


def defended(path: Path, folder: Path, seed: int = 0, **opening: object) -> Defended:
    """Export the target at `path` into `folder` with parameters drawn by the seed."""
    parameters = drawn_parameters(seed)
    exported = export(
        path,
        folder / "defended.onnx",
        DynaNoise(parameters),
        ExportOptions(noise=NoiseSource.INPUT),
        SourceOptions(**opening),
    )
    return Defended(exported, parameters, session_of(exported.path))


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
    """Hold a defended file against Algorithm 1 on the original model's logits, under the same noise.

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
        expected = algorithm_1(logits, noise, *asdict(made.parameters).values())
        np.testing.assert_allclose(made.answer(inputs, noise), expected, rtol=0, atol=TOLERANCE)


def module_logits(module: Callable[..., object], output: str | int | None = None) -> Callable[[Inputs], np.ndarray]:
    """Run a module on inputs in their order, and take its logits out of what it gives."""

    def logits_of(inputs: Inputs) -> np.ndarray:
        with torch.no_grad():
            given = module(*(torch.from_numpy(value) for value in inputs.values()))
        return (given if output is None else given[output]).numpy()

    return logits_of


def floats(**shapes: tuple[int, ...]) -> Callable[[np.random.Generator, int], Inputs]:
    """Draw float32 normals of the shapes, which are of one row."""

    def inputs_of(generator: np.random.Generator, rows: int) -> Inputs:
        return {name: generator.standard_normal((rows, *shape), dtype=np.float32) for name, shape in shapes.items()}

    return inputs_of


def refusal(path: Path, folder: Path, *, named: bool = True, **opening: object) -> str:
    """Try to export what can't be used; give the one sentence that says why, and see that nothing was written.

    Args:
        path: of the target.
        folder: an empty one to write to.
        named: the sentence must name the target.
        opening: what the user says of the target.
    """
    with pytest.raises(UserError) as refused:
        defended(path, folder, **opening)
    sentence = str(refused.value)
    assert not named or str(path) in sentence
    assert len(sentence.splitlines()) == 1
    assert not list(folder.iterdir())
    return sentence


def data_folder() -> Path:
    """Give the folder of the real data sets, or skip the test."""
    if "DYNANOISE_DATA" not in os.environ:
        pytest.skip("DYNANOISE_DATA does not name the folder of the real data sets")
    return Path(os.environ["DYNANOISE_DATA"])
