"""The key of a deployed model with keyed noise."""

from pathlib import Path

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.errors import NoiseError
from dynanoise_export.noise.keyed.key import key_beside, read_key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.addresses import is_url


def keyed_noise_of(model: DeployedModel, path: Path | None) -> KeyedNoise | None:
    """Read the key of a model with keyed noise, and combine it with the grids that the model states.

    Args:
        model: the defended model.
        path: of the key; None for the key beside the file.

    Returns:
        The keyed noise; None if the model's noise is not keyed.

    Raises:
        NoiseError: there is no key, it is the key of another model, or the model's noise is not keyed.
        FileAccessError: the key can't be read.
    """
    if model.noise is not NoiseSource.KEYED:
        if path is not None:
            raise NoiseError(f"{model.name} has no keyed noise, so {path} can't be its key.")
        return None
    if path is None and is_url(model.name):
        raise NoiseError(f"The noise of {model.name} is keyed: give its key with --key-file.")
    path = path or key_beside(Path(model.name))
    if not path.exists():
        raise NoiseError(
            f"The noise of {model.name} is keyed, and {path} does not exist: give the key with --key-file."
        )
    key = read_key(path)
    if model.provenance is None or not model.provenance.grids:
        raise NoiseError(f"{model.name} does not state the grids of its keyed noise: export it again.")
    stated = model.provenance.key
    if stated != key.fingerprint:
        raise NoiseError(f"{path} has the fingerprint {key.fingerprint}, and {model.name} states {stated}: wrong key.")
    return KeyedNoise(key, model.provenance.grids)
