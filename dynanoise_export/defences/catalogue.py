"""The defences by name."""

from collections.abc import Mapping

from dynanoise_export.defences.base import Defence
from dynanoise_export.fixed_tensors import FixedTensor
from dynanoise_export.registry import Registry

DEFAULT = "dynanoise"

DEFENCES: Registry[type[Defence]] = Registry(
    "defence",
    "dynanoise_export.defences",
    {
        "dynanoise": "dynanoise_export.defences.dynanoise:DynaNoise",
        "dynanoise-spread": "dynanoise_export.defences.dynanoise_spread:DynaNoiseSpread",
        "static-noise": "dynanoise_export.defences.static_noise:StaticNoise",
        "temperature": "dynanoise_export.defences.temperature:Temperature",
        "top-k": "dynanoise_export.defences.top_k:TopK",
        "rounding": "dynanoise_export.defences.rounding:Rounding",
        "label-only": "dynanoise_export.defences.label_only:LabelOnly",
        "hamp-output": "dynanoise_export.defences.hamp_output:HampOutput",
        "memguard": "dynanoise_export.defences.memguard:MemGuard",
        "memguard-limit": "dynanoise_export.defences.memguard_limit:MemGuardLimit",
        "targeted": "dynanoise_export.defences.targeted:Targeted",
        "neighborhood-blending": "dynanoise_export.defences.neighborhood_blending:NeighborhoodBlending",
    },
)


def make_defence(
    name: str,
    parameters: Mapping[str, object],
    *,
    tensors: Mapping[str, FixedTensor] | None = None,
    keep_label: bool = False,
) -> Defence:
    """Make a defence from its name and its parameters.

    Args:
        name: in the registry.
        parameters: by name; those not given have the defence's defaults.
        tensors: by name, of a defence that was fitted to a model.
        keep_label: let its answers keep the undefended model's label.

    Raises:
        UsageError: there is no such defence or parameter, or a value is out of bounds.
    """
    from dynanoise_export.defences.keep_label import keeping_label

    return keeping_label(DEFENCES.get(name).from_parameters(parameters, tensors), keep_label)
