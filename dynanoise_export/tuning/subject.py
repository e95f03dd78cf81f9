"""What is tuned for: a plain model or its saved logits, with the rows and the shadow models."""

from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.attacks.audit import open_audit
from dynanoise_export.attacks.shadow_models import open_store
from dynanoise_export.bundles import input_names, load_bundle
from dynanoise_export.runtimes.provider import Execution
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.source_model import SourceModel, SourceOptions
from dynanoise_export.tuning.cached_logits import Rows, all_rows, read_logits, target_logits
from dynanoise_export.types import Progress, Step, TensorSpec

LOGITS_SUFFIX = ".npy"


@dataclass(frozen=True)
class Subject:
    """What is tuned for.

    Attributes:
        path: of the plain model, or of its logits.
        source: the model, opened; None for logits alone.
        rows: all rows, with the undefended answers to them.
    """

    path: Path
    source: SourceModel | None
    rows: Rows

    @property
    def digest(self) -> str:
        """Tell this model and these rows from others."""
        return f"{self.path if self.source is None else self.source.sha256} {self.rows.audit.sha256}"


def open_subject(
    path: Path,
    data: Path,
    shadows: Path | None,
    options: SourceOptions | None,
    execution: Execution,
    progress: Progress,
) -> Subject:
    """Open the model or its logits, the bundle and the shadow store, and ask the model for its logits.

    Raises:
        UserError: one of them can't be used, or they do not fit each other.
    """
    progress(Step(f"Opening {path}"))
    source = None if path.suffix.lower() == LOGITS_SUFFIX else open_source(path, options)
    audit = open_audit(data, _specs(data) if source is None else source.inputs)
    store = None if shadows is None else open_store(shadows, audit)
    progress(Step("Asking the undefended model"))
    logits = read_logits(path, audit) if source is None else target_logits(source, audit, execution)
    return Subject(path, source, all_rows(audit, logits, store))


def _specs(data: Path) -> list[TensorSpec]:
    """Describe the inputs that a bundle has rows for, where there is no model to say what it takes."""
    names = input_names(data)
    arrays = load_bundle(data, names).inputs
    return [TensorSpec(name, str(array.dtype), ("n", *array.shape[1:])) for name, array in arrays.items()]
