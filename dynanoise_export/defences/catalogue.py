"""The defences by name."""

from collections.abc import Mapping

from dynanoise_export.defences.base import Defence
from dynanoise_export.registry import Registry

DEFAULT = "dynanoise"

DEFENCES: Registry[type[Defence]] = Registry(
    "defence",
    "dynanoise_export.defences",
    {
        "dynanoise": "dynanoise_export.defences.dynanoise:DynaNoise",
        "temperature": "dynanoise_export.defences.temperature:Temperature",
    },
)


def make_defence(name: str, parameters: Mapping[str, object], *, keep_label: bool = False) -> Defence:
    """Make a defence from its name and its parameters.

    Args:
        name: in the registry.
        parameters: by name; those not given have the defence's defaults.
        keep_label: let its answers keep the undefended model's label.

    Raises:
        UsageError: there is no such defence or parameter, or a value is out of bounds.
    """
    from dynanoise_export.defences.keep_label import keeping_label

    return keeping_label(DEFENCES.get(name).from_parameters(parameters), keep_label)
