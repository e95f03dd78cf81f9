"""What `validate` judges: a defended model where it is deployed, and what it says of itself."""

from dataclasses import dataclass
from pathlib import Path

from dynanoise_export.defences.dynanoise import DynaNoise, Head
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.errors import UserError
from dynanoise_export.noise.keyed.key import key_beside, read_key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.parameters import Parameters, Provider
from dynanoise_export.runtimes.addresses import is_url


@dataclass(frozen=True)
class Subject:
    """A defended model that is judged.

    Attributes:
        deployed: the model.
        parameters: what it is judged by: the user's, or else the model's own word.
        classes: k; by the reference, where the model does not declare it.
    """

    deployed: DeployedModel
    parameters: Parameters
    classes: int

    @property
    def head(self) -> Head:
        """What it must answer like."""
        return DynaNoise(self.parameters, self.deployed.keep_label)


def open_subject(where: str | Path, given: Parameters | None = None, provider: Provider | None = None) -> Subject:
    """Open a defended model.

    Args:
        where: the path of an ONNX file or plan, or the URL of a model on a server.
        given: parameters to judge it by, in place of those that it states.
        provider: what ONNX Runtime is to run an ONNX file on.

    Raises:
        UserError: it can't be opened, or there are no parameters to judge it by.
    """
    deployed = open_deployed(where, provider)
    parameters = given or deployed.parameters
    if parameters is None:
        raise UserError(f"{where} states no parameters to judge it by: give --sigma0, --lambda and --temperature.")
    return Subject(deployed, parameters, deployed.classes)


def keyed_noise_of(deployed: DeployedModel, path: Path | None) -> KeyedNoise | None:
    """Read the key of a model with keyed noise, to go with the grids that it states; None for one with other noise.

    Args:
        deployed: the defended model.
        path: of the key; None for the one beside the file.

    Raises:
        UserError: there is no key, it is another model's, or the model's noise has none.
    """
    if not deployed.keyed:
        if path is not None:
            raise UserError(f"{deployed.name} carries no keyed noise, so {path} is no key of it.")
        return None
    if path is None and is_url(deployed.name):
        raise UserError(f"The noise of {deployed.name} is keyed: give its key with --key-file.")
    path = path or key_beside(Path(deployed.name))
    if not path.exists():
        raise UserError(f"The noise of {deployed.name} is keyed, and there is no key {path}: give it with --key-file.")
    key = read_key(path)
    if deployed.stated is None or not deployed.stated.grids:
        raise UserError(f"{deployed.name} does not state the grids of its keyed noise, so it can't be judged.")
    if deployed.stated.key != key.fingerprint:
        raise UserError(
            f"{path} is another key ({key.fingerprint}) than {deployed.name} states ({deployed.stated.key})."
        )
    return KeyedNoise(key, deployed.stated.grids)
