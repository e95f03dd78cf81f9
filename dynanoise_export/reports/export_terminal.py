"""What `export` made, on a terminal."""

from rich.console import Console

from dynanoise_export.exporting import Exported
from dynanoise_export.graph.specs import fixed_batch
from dynanoise_export.reports.float16_wording import float16_text
from dynanoise_export.reports.guard_wording import guard_rows
from dynanoise_export.reports.noise_wording import noise_text
from dynanoise_export.reports.terminal import Row, defence_text, print_rows
from dynanoise_export.runtimes.provider import Execution, Provider


def print_exported(exported: Exported, console: Console) -> None:
    """Print what `export` made."""
    source, stated = exported.source, exported.provenance
    rows: list[Row] = [
        ("written", str(exported.path)),
        ("source", f"{source.path} ({source.format})"),
        *([("weights", ", ".join(map(str, source.data_files)))] if source.data_files else []),
        ("inputs", ", ".join(map(str, source.inputs))),
        *_batch_row(exported),
        ("classes", str(source.classes) + (", made of one score" if stated.binary else "")),
        ("logits", exported.logits + _floor(stated.floor)),
        ("defence", defence_text(stated.defence, stated.parameters)),
        ("noise", noise_text(stated) + _shared(exported)),
        *_key_row(exported),
        *guard_rows(stated.guard),
        *([("label", "always the undefended model's")] if stated.keep_label else []),
        *([] if exported.float16 is None else [("precision", float16_text(exported.float16))]),
        ("checked", "no leak, ONNX checker, opened and run in ONNX Runtime"),
        ("sha256", exported.sha256),
    ]
    print_rows(rows, console)


def _floor(floor: float | None) -> str:
    return "" if floor is None else f"; a probability below {floor:g} counts as {floor:g}"


def _batch_row(exported: Exported) -> list[Row]:
    """Name the way out of a fixed batch, which a server can't use well."""
    size = fixed_batch(exported.source.inputs)
    if size is None:
        return []
    advice = "; --dynamic-batch makes it dynamic, if the graph allows it" if exported.source.module is None else ""
    return [("batch", f"fixed at {size}{advice}")]


def _shared(exported: Exported) -> str:
    """Warn of keyed noise that many queries share, because there is little to hash or they get equal scores."""
    if exported.key_file is None:
        return ""
    if exported.provenance.floor is not None:
        return "; weak if many queries get the same probabilities, as trees give them: see docs/keyed-noise.md"
    weak = exported.source.classes == 2
    return "; weak with two classes, because many queries share their noise: see docs/keyed-noise.md" if weak else ""


def _key_row(exported: Exported) -> list[Row]:
    key = exported.key_file
    if key is None:
        return []
    options = ", ".join(f"{name} {value}" for name, value in Execution(Provider.CUDA).cuda_options.items())
    return [
        ("key", f"{key.path} ({'new; only you can read it, so keep it safe' if key.new else 'existing'})"),
        ("GPU", f"set {options}, or some noise changes with the batch: see docs/deploy.md"),
    ]
