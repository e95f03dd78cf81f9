"""What the page begins with: a setting of DynaNoise, the papers' or that of a deployed model."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.errors import DefenceError
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.playground.queries import MADE_UP, Queries, made_up


@dataclass(frozen=True)
class Beginning:
    """What the page begins with.

    Attributes:
        parameters: of DynaNoise, by name.
        noise: the noise source.
        keep_label: whether answers keep the undefended label.
        queries: that the page offers.
    """

    parameters: Mapping[str, float] = field(default_factory=lambda: DynaNoise().parameters)
    noise: NoiseSource = NoiseSource.RANDOM
    keep_label: bool = False
    queries: Queries = MADE_UP


def beginning_of(deployed: str) -> Beginning:
    """Begin with the defence of a deployed model. Its key is not read: the page has one of its own.

    Args:
        deployed: an ONNX file, a plan, or the URL of a model on a server.

    Raises:
        UserError: it can't be opened, or its defence is not DynaNoise.
    """
    model = open_deployed(deployed)
    if model.defence is None or model.defence.name != DynaNoise.name or model.noise is None or model.classes < 2:
        raise DefenceError(
            f"{deployed} does not state the defence {DynaNoise.name}, which is the one that the page shows."
        )
    names = model.labels or tuple(f"class {number}" for number in range(model.classes))
    return Beginning(model.defence.parameters, model.noise, model.defence.keep_label, made_up(names))
