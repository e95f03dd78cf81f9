"""Ship a trained classifier to ONNX with its membership-inference defence inside the graph.

The names below are the public API; docs/api.md says what is stable. Each is imported when it is first used, so that
`import dynanoise_export` pulls in neither torch nor onnxruntime.
"""

import importlib
from typing import TYPE_CHECKING, Any

from dynanoise_export.version import __version__

if TYPE_CHECKING:
    from dynanoise_export.attacks.attack_report import AttackReport
    from dynanoise_export.attacks.attacking_model import attack
    from dynanoise_export.benchmarking.benchmark import BenchReport, bench
    from dynanoise_export.bundles import Bundle
    from dynanoise_export.defences.base import Defence, NoiseLaw
    from dynanoise_export.defences.catalogue import make_defence
    from dynanoise_export.defences.dynanoise import DynaNoise
    from dynanoise_export.defences.guards.guard import Guard, GuardKind
    from dynanoise_export.defences.keep_label import KeptLabel
    from dynanoise_export.defences.temperature import Temperature
    from dynanoise_export.deployed.open_deployed import load
    from dynanoise_export.deployed.session import Session
    from dynanoise_export.deployment.tensorrt.compiling import Compiled, compile_plan
    from dynanoise_export.deployment.triton.repository import TritonRepository, write_triton_repository
    from dynanoise_export.errors import (
        DataError,
        DefenceError,
        EndpointError,
        FileAccessError,
        FormatError,
        MissingPackageError,
        ModelInputError,
        NoiseError,
        UnsupportedModelError,
        UntrustedCodeError,
        UsageError,
        UserError,
    )
    from dynanoise_export.exporting import Exported, export
    from dynanoise_export.fitting import fit_defence
    from dynanoise_export.guarding import fit_guard
    from dynanoise_export.inspecting import Inspection, inspect
    from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
    from dynanoise_export.noise.source import NoiseSource
    from dynanoise_export.runtimes.operator_library import operators
    from dynanoise_export.runtimes.provider import Provider
    from dynanoise_export.shadow_stores import ShadowStore
    from dynanoise_export.sources.score_options import ScoreOptions, TreatAs
    from dynanoise_export.sources.source_model import SourceOptions
    from dynanoise_export.tuning.settings import Variant
    from dynanoise_export.tuning.sweeping import SweepReport, sweep
    from dynanoise_export.tuning.tune_report import TuneReport
    from dynanoise_export.tuning.tuning_model import tune
    from dynanoise_export.types import Precision, Progress, Step, TensorSpec
    from dynanoise_export.validation.check import Check, CheckCode, Outcome
    from dynanoise_export.validation.validating import Validation, validate

_WHERE = {
    "attacks.attack_report": ("AttackReport",),
    "attacks.attacking_model": ("attack",),
    "benchmarking.benchmark": ("BenchReport", "bench"),
    "bundles": ("Bundle",),
    "defences.base": ("Defence", "NoiseLaw"),
    "defences.catalogue": ("make_defence",),
    "defences.dynanoise": ("DynaNoise",),
    "defences.guards.guard": ("Guard", "GuardKind"),
    "defences.keep_label": ("KeptLabel",),
    "defences.temperature": ("Temperature",),
    "deployed.open_deployed": ("load",),
    "deployed.session": ("Session",),
    "deployment.tensorrt.compiling": ("Compiled", "compile_plan"),
    "deployment.triton.repository": ("TritonRepository", "write_triton_repository"),
    "errors": (
        "DataError",
        "DefenceError",
        "EndpointError",
        "FileAccessError",
        "FormatError",
        "MissingPackageError",
        "ModelInputError",
        "NoiseError",
        "UnsupportedModelError",
        "UntrustedCodeError",
        "UsageError",
        "UserError",
    ),
    "exporting": ("Exported", "export"),
    "fitting": ("fit_defence",),
    "guarding": ("fit_guard",),
    "inspecting": ("Inspection", "inspect"),
    "noise.keyed.keyed_noise": ("KeyedNoise",),
    "noise.source": ("NoiseSource",),
    "runtimes.operator_library": ("operators",),
    "runtimes.provider": ("Provider",),
    "shadow_stores": ("ShadowStore",),
    "sources.score_options": ("ScoreOptions", "TreatAs"),
    "sources.source_model": ("SourceOptions",),
    "tuning.settings": ("Variant",),
    "tuning.sweeping": ("SweepReport", "sweep"),
    "tuning.tune_report": ("TuneReport",),
    "tuning.tuning_model": ("tune",),
    "types": ("Precision", "Progress", "Step", "TensorSpec"),
    "validation.check": ("Check", "CheckCode", "Outcome"),
    "validation.validating": ("Validation", "validate"),
}
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names}

__all__ = [
    "AttackReport",
    "BenchReport",
    "Bundle",
    "Check",
    "CheckCode",
    "Compiled",
    "DataError",
    "Defence",
    "DefenceError",
    "DynaNoise",
    "EndpointError",
    "Exported",
    "FileAccessError",
    "FormatError",
    "Guard",
    "GuardKind",
    "Inspection",
    "KeptLabel",
    "KeyedNoise",
    "MissingPackageError",
    "ModelInputError",
    "NoiseError",
    "NoiseLaw",
    "NoiseSource",
    "Outcome",
    "Precision",
    "Progress",
    "Provider",
    "ScoreOptions",
    "Session",
    "ShadowStore",
    "SourceOptions",
    "Step",
    "SweepReport",
    "Temperature",
    "TensorSpec",
    "TreatAs",
    "TritonRepository",
    "TuneReport",
    "UnsupportedModelError",
    "UntrustedCodeError",
    "UsageError",
    "UserError",
    "Validation",
    "Variant",
    "__version__",
    "attack",
    "bench",
    "compile_plan",
    "export",
    "fit_defence",
    "fit_guard",
    "inspect",
    "load",
    "make_defence",
    "operators",
    "sweep",
    "tune",
    "validate",
    "write_triton_repository",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
