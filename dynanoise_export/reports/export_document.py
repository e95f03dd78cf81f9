"""The JSON document of `export`."""

from typing import TypedDict

from dynanoise_export.exporting import Exported
from dynanoise_export.reports.documents import Header, InputDocument, header, input_document
from dynanoise_export.reports.float16_wording import Float16Document, float16_document
from dynanoise_export.reports.guard_wording import GuardDocument, guard_document


class SourceDocument(TypedDict):
    """The file or folder that the user had; for an ONNX file with the files that its weights were read from."""

    path: str
    format: str
    sha256: str
    data_files: list[str]


class ExportDocument(Header):
    """What `export` made.

    Attributes:
        noise: the noise source; None for a defence that takes no noise.
        key: the fingerprint of the key of keyed noise, or None.
        grids: the widths of the cells of keyed noise.
        keep_label: whether answers keep the undefended model's label.
        guard: on the inputs; None if there is none.
        source: what the user had.
        inputs: of the model.
        classes: k.
        logits: where the defence was attached, for people.
        floor: the smallest probability that the defence distinguishes, if it takes probabilities; None for logits.
        treated_as: what the user said that the scores are, or None.
        binary: whether two classes were made of one score.
        float16: how the model was converted to float16; None if it was not.
        dropped: the outputs of the source that the file no longer has.
    """

    noise: str | None
    key: str | None
    grids: list[float]
    keep_label: bool
    guard: GuardDocument | None
    source: SourceDocument
    inputs: list[InputDocument]
    classes: int
    logits: str
    floor: float | None
    treated_as: str | None
    binary: bool
    float16: Float16Document | None
    dropped: list[str]


def export_document(exported: Exported) -> ExportDocument:
    """Describe what `export` made."""
    source, stated = exported.source, exported.provenance
    return {
        **header("export", exported.path, exported.sha256, exported.defence, content=exported.content_sha256),
        "noise": stated.noise,
        "key": stated.key,
        "grids": list(stated.grids),
        "keep_label": stated.keep_label,
        "guard": guard_document(stated.guard),
        "source": {
            "path": str(source.path),
            "format": source.format,
            "sha256": source.sha256,
            "data_files": [str(file) for file in source.data_files],
        },
        "inputs": [input_document(spec) for spec in source.inputs],
        "classes": source.classes,
        "logits": exported.logits,
        "floor": stated.floor,
        "treated_as": stated.treated_as,
        "binary": stated.binary,
        "float16": None if exported.float16 is None else float16_document(exported.float16),
        "dropped": list(exported.dropped),
    }
