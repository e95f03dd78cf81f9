"""The files that mutants are made from, and the checks that fail on a file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import torch

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.exporting import export
from dynanoise_export.noise.keyed.key import KeyFile
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.validation.check import CheckCode, Outcome
from dynanoise_export.validation.validating import validate
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.experiments import ExperimentOptions, prepare
from dynanoise_models.targets import TARGETS
from dynanoise_models.training.loop import Task, fit
from support.graphs import KEY
from support.modules import seeded
from support.mutants import Mutant
from support.score_mutants import write_votes


def make_files(folder: Path) -> None:
    """Make a classifier of digits (its layers square, so that one can be transposed), its rows, and its exports."""
    rows = prepare("digits-mlp", ExperimentOptions(rows=800)).rows
    arguments = {"hidden": (64, 64)}
    module = seeded(TARGETS["digits-mlp"].make, **arguments)
    settings = replace(TARGETS["digits-mlp"].settings, epochs=10)
    fit(module, Task(rows, np.arange(400)[None], [0], settings), torch.device("cpu"))
    save_checkpoint(folder / "digits.pt", "digits-mlp", arguments, module)
    np.savez(folder / "rows.npz", x=rows.inputs["input"])
    ir.save(open_source(folder / "digits.pt").to_onnx(18), folder / "plain.onnx")
    export(folder / "digits.pt", folder / "defended.onnx")
    KeyFile(folder / "keyed.onnx.key", KEY, new=True).save()  # for the same noise in every run
    export(folder / "plain.onnx", folder / "keyed.onnx", defence=KeptLabel(DynaNoise()), noise="keyed")
    export(folder / "plain.onnx", folder / "noise-free.onnx", defence=Temperature())
    export(folder / "plain.onnx", folder / "flattened.onnx", defence=Temperature(), inline=True)
    write_votes(folder / "plain.onnx", folder / "votes.onnx")
    export(folder / "votes.onnx", folder / "floored.onnx")


def failed_checks(path: Path, folder: Path, reference: str = "digits.pt", **options: object) -> list[CheckCode]:
    """Validate a file on the rows of `make_files`, and list the checks that are neither passed nor warnings."""
    validation = validate(path, folder / reference, data=folder / "rows.npz", **options)
    failed = [c.code for c in validation.checks if not c.passed and c.outcome is not Outcome.WARNING]
    assert validation.passed == (not failed)
    return failed


def checks_on(mutant: Mutant, folder: Path, right: str, made: Path, **options: object) -> list[CheckCode]:
    """Make a mutant of a right file of `make_files` in another folder, and list the checks that fail on it."""
    onnx.save(mutant.make(onnx.load(folder / right)), made / "wrong.onnx")
    return failed_checks(made / "wrong.onnx", folder, **options)
