"""What a command found, in the few figures and facts that travel with a model; nothing in it is secret or local."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dynanoise_export.defences.base import Defence
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.intervals import Interval
from dynanoise_export.reports.model_facts import Fact


@dataclass(frozen=True)
class Figure:
    """A measured figure.

    Attributes:
        code: of the figure, for programs, such as "auc".
        name: of the figure, for people.
        measured: its value and its 95% interval.
        by: whose figure it is: an attack and its attacker, or the model.
    """

    code: str
    name: str
    measured: Interval
    by: str


@dataclass(frozen=True)
class JudgedRows:
    """The rows that the figures were measured on.

    Attributes:
        name: of the bundle, without its folder.
        sha256: of the bundle.
        task: what the model is for, as model hubs name it, such as "image-classification".
    """

    name: str
    sha256: str
    task: str


@dataclass(frozen=True)
class Summary:
    """What travels.

    Attributes:
        command: that found it.
        title: of its section in a model card.
        path: of the model, or its URL.
        sha256: of the model; None if it is not known.
        name: of the model, without its folder or its server.
        verdict: a word or two.
        sentences: the decision and its reasons.
        figures: what was measured; the first is the most important one.
        assumed: what the figures hold for.
        limits: what makes the figures weaker than they look, or the defence weaker than it seems.
        facts: where the model comes from.
        rows: that were judged; None if the figures are not of rows.
        properties: the same for programs, a text for each name.
    """

    command: str
    title: str
    path: str
    sha256: str | None
    name: str
    verdict: str
    sentences: tuple[str, ...]
    figures: tuple[Figure, ...]
    assumed: tuple[Fact, ...]
    limits: tuple[str, ...]
    facts: tuple[Fact, ...]
    rows: JudgedRows | None = None
    properties: Mapping[str, str] = field(default_factory=dict)


def verdict_word(passed: bool | None) -> str:
    """Write a verdict."""
    return "No verdict" if passed is None else "Passed" if passed else "Failed"


def model_properties(model: DeployedModel, defence: Defence | None) -> dict[str, str]:
    """Describe a model and the defence that it was judged by, for programs."""
    stated = model.provenance
    parameters = {} if defence is None else defence.parameters
    known = {
        "defence": "none" if defence is None else defence.name,
        **{f"defence:{name}": f"{value:.9g}" for name, value in parameters.items()},
        "defence:keeps-label": None if defence is None else str(defence.keep_label).lower(),
        "noise": "none" if model.noise is None else model.noise.value,
        "guard": "none" if model.guard is None else model.guard.kind.value,
        "sha256": model.sha256,
        "content-sha256": model.content_sha256,
        "source-format": None if stated is None else stated.source_format,
        "source-sha256": None if stated is None else stated.source_sha256,
    }
    return {name: text for name, text in known.items() if text is not None}
