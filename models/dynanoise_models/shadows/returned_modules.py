"""A PyTorch module that the user's training function returned."""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from dynanoise_export.runtimes.predictor import batches
from dynanoise_export.runtimes.pytorch import bind, named_outputs
from dynanoise_export.sources.inputs import specs_of
from dynanoise_export.sources.score_options import ScoreOptions
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.sources.torch_module import source_from_module
from dynanoise_export.types import Array, Arrays
from dynanoise_models.shadows.job import Job, Writer
from dynanoise_models.shadows.kept_modules import ARCHITECTURE, write_module

# Rows for a trial run.
FEW = 8


def answers_of_module(
    module: torch.nn.Module, name: str, inputs: Arrays, job: Job, *, binary: bool
) -> tuple[Array, Writer]:
    """Let a module answer all rows, where it is (on a GPU, if it was trained there).

    Args:
        module: it is put into evaluation mode, and moved to the CPU.
        name: of the function that returned it, for messages.
        inputs: all rows.
        job: that the model belongs to.
        binary: it has one score, for the second of two classes.

    Returns:
        Its scores, and what writes it to an ONNX file.

    Raises:
        UserError: it does not run on the rows, or is not a single-label classifier.
    """
    weight = next(module.parameters(), None)
    device = torch.device("cpu") if weight is None else weight.device
    example = {name: np.array(array[:FEW]) for name, array in inputs.items()}
    options = SourceOptions(scores=ScoreOptions(binary=binary))
    source = source_from_module(Path(name), "a module", "", module.cpu(), specs_of(example), options, example)
    scores = _scores(source, module.to(device), inputs, device)
    module.cpu()
    return scores, partial(write_module, source, job.states / ARCHITECTURE)


def _scores(source: SourceModel, module: torch.nn.Module, inputs: Arrays, device: torch.device) -> Array:
    answers = []
    with torch.inference_mode():
        for batch in batches(inputs):
            args, kwargs = bind(
                module, {name: torch.from_numpy(np.array(array)).to(device) for name, array in batch.items()}
            )
            outputs = named_outputs(module(*args, **kwargs))
            answers.append(outputs[source.output].float().numpy(force=True))
    return np.concatenate(answers)
