"""What `shadows` made, as a JSON document."""

from typing import Any, TypedDict

import numpy as np

from dynanoise_export import __version__
from dynanoise_export.shadow_stores import SCHEMA
from dynanoise_models.shadows.make_shadows import Shadows

VERSION = 2


class StoreDocument(TypedDict):
    """A shadow store.

    Attributes:
        path: of its folder.
        schema: of its record.
        keeps_models: whether it has the models as well as their answers.
    """

    path: str
    schema: str
    keeps_models: bool


class ShadowsDocument(TypedDict):
    """What `shadows` made.

    Attributes:
        schema: "dynanoise-models/shadows/VERSION".
        tool: the version of this tool.
        passed: true, because the command ends with an error if a model can't be trained.
        store: the shadow store.
        bundle: the path of the rows.
        trained: how many models this run added.
        record: what the store says about itself.
    """

    schema: str
    tool: dict[str, str]
    passed: bool
    store: StoreDocument
    bundle: str
    trained: int
    record: dict[str, Any]


def shadows_document(shadows: Shadows) -> ShadowsDocument:
    """Describe what `shadows` made."""
    return {
        "schema": f"dynanoise-models/shadows/{VERSION}",
        "tool": {"dynanoise-export": __version__},
        "passed": True,
        "store": {"path": str(shadows.path), "schema": SCHEMA, "keeps_models": bool(shadows.models)},
        "bundle": str(shadows.bundle),
        "trained": shadows.trained,
        "record": dict(shadows.record),
    }


def mean_accuracies(shadows: Shadows) -> tuple[float, float]:
    """Average the accuracy of the models on the rows of their training sets, and on the other rows."""
    models = shadows.record["models"].values()
    own, others = (np.mean([model[name] for model in models]) for name in ("accuracy_kept", "accuracy_others"))
    return float(own), float(others)
