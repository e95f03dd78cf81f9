"""What `export` made, on a terminal."""

from rich.console import Console

from dynanoise_export.exporting import Exported
from dynanoise_export.reports.noise_wording import noise_text
from dynanoise_export.reports.terminal import Row, defence_text, print_rows


def print_exported(exported: Exported, console: Console) -> None:
    """Print what `export` made."""
    source, stated = exported.source, exported.provenance
    rows = [
        ("written", str(exported.path)),
        ("source", f"{source.path} ({source.format})"),
        ("inputs", ", ".join(map(str, source.inputs))),
        ("classes", str(source.classes) + (", made of one score" if stated.binary else "")),
        ("logits", exported.logits + _floor(stated.floor)),
        ("defence", defence_text(stated.defence, stated.parameters)),
        ("noise", noise_text(stated) + _two_classes(exported)),
        *_key_row(exported),
        *([("label", "always the undefended model's")] if stated.keep_label else []),
        ("checked", "no leak, ONNX checker, opened and run in ONNX Runtime"),
        ("sha256", exported.sha256),
    ]
    print_rows(rows, console)


def _floor(floor: float | None) -> str:
    return "" if floor is None else f"; a probability below {floor:g} counts as {floor:g}"


def _two_classes(exported: Exported) -> str:
    """Warn of keyed noise if there is only one number to hash."""
    weak = exported.key_file is not None and exported.source.classes == 2
    return "; weak with two classes, because many queries share their noise: see docs/keyed-noise.md" if weak else ""


def _key_row(exported: Exported) -> list[Row]:
    key = exported.key_file
    if key is None:
        return []
    return [("key", f"{key.path} ({'new; only you can read it, so keep it safe' if key.new else 'existing'})")]
