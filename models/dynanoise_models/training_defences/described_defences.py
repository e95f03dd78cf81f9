"""The defences at training time with their parameters, as `dynanoise-models list` shows them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from dynanoise_models.training.settings import DefenceName
from dynanoise_models.training_defences.training_catalogue import training_defence_class


@dataclass(frozen=True)
class DescribedDefence:
    """A defence at training time.

    Attributes:
        name: for `--defence`.
        summary: what it does, in one line.
        parameters: the default of each, by the name that `--parameter` takes.
    """

    name: str
    summary: str
    parameters: Mapping[str, float]


def describe_defences() -> list[DescribedDefence]:
    """Describe all defences at training time, in the order of `DefenceName`."""
    described = []
    for name in DefenceName:
        defence = training_defence_class(name)
        defaults = defence()
        parameters = {field.name.rstrip("_"): float(getattr(defaults, field.name)) for field in fields(defence)}
        described.append(DescribedDefence(name, defence.summary, parameters))
    return described
