"""A CycloneDX bill of materials with the model as its component, for those who collect them for a release."""

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynanoise_export.files import sha256, written_whole
from dynanoise_export.packages import require_packages
from dynanoise_export.printable import printable
from dynanoise_export.reports.summaries.summary import Figure, Summary
from dynanoise_export.version import __version__

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component

PREFIX = "dynanoise:"
REFERENCE = "model"


def require_ml_bom() -> None:
    """Check, before long work, that a bill of materials can be made.

    Raises:
        MissingPackageError: cyclonedx-python-lib is not installed.
    """
    require_packages("An ML-BOM needs", "cyclonedx")


def write_ml_bom(summary: Summary, path: Path) -> None:
    """Write a bill of materials in CycloneDX 1.6, as JSON; the same findings give the same file.

    Raises:
        UserError: cyclonedx-python-lib is not installed, or the file can't be written.
    """
    require_ml_bom()
    text = json.dumps(_document(summary), indent=2, ensure_ascii=False)
    with written_whole(path) as staged:
        staged.write_text(f"{text}\n", encoding="utf-8")


def _document(summary: Summary) -> dict[str, Any]:
    from cyclonedx.output.json import JsonV1Dot6

    document: dict[str, Any] = json.loads(JsonV1Dot6(_bom(summary)).output_as_string())
    # The library writes a date and a random number, and knows no model cards yet.
    del document["metadata"]["timestamp"], document["serialNumber"]
    document["components"][0]["modelCard"] = _model_card(summary)
    number = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(document, sort_keys=True))
    return {**document, "serialNumber": number.urn}


def _bom(summary: Summary) -> "Bom":
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType

    bom = Bom(components=[_component(summary)])
    bom.metadata.tools.components.add(
        Component(name="dynanoise-export", version=__version__, type=ComponentType.APPLICATION)
    )
    return bom


def _component(summary: Summary) -> "Component":
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.component import Component, ComponentType

    digest = _file_digest(summary)
    return Component(
        name=printable(summary.name),
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=REFERENCE,
        hashes=[] if digest is None else [HashType(alg=HashAlgorithm.SHA_256, content=digest)],
        properties=[
            Property(name=PREFIX + printable(name), value=printable(text)) for name, text in summary.properties.items()
        ],
    )


def _file_digest(summary: Summary) -> str | None:
    """Give the digest of the model's file; None if it is not one file on this machine, as judged."""
    path, stated = Path(summary.path), summary.sha256
    # With external data, what is stated is a digest of several files.
    return stated if stated is not None and path.is_file() and sha256(path) == stated else None


def _model_card(summary: Summary) -> dict[str, Any]:
    """Give the model card of the component."""
    verdict = f"{summary.title}: {summary.verdict}. "
    card: dict[str, Any] = {
        "modelParameters": {"task": "classification" if summary.rows is None else summary.rows.task},
        "considerations": {
            "technicalLimitations": [*map(printable, summary.limits)],
            "performanceTradeoffs": [printable(f"{verdict}{' '.join(summary.sentences)}")],
        },
    }
    if summary.figures:
        card["quantitativeAnalysis"] = {"performanceMetrics": [*map(_metric, summary.figures)]}
    return card


def _metric(figure: Figure) -> dict[str, Any]:
    one = figure.measured
    return {
        "type": figure.code,
        "value": f"{one.value:.6g}",
        "slice": printable(f"{figure.name}, by {figure.by}"),
        "confidenceInterval": {"lowerBound": f"{one.low:.6g}", "upperBound": f"{one.high:.6g}"},
    }
