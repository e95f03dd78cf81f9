"""What `validate` judges: a defended file, and what it says of itself."""

from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from dynanoise_export.errors import UserError
from dynanoise_export.files import sha256
from dynanoise_export.graph.files import external_files, read_model
from dynanoise_export.graph.leaks import KEYED, LeakReport, find_leaks
from dynanoise_export.graph.provenance import Provenance, read_provenance
from dynanoise_export.mechanism.heads import DynaNoise, Head
from dynanoise_export.mechanism.keyed.key import key_beside, read_key
from dynanoise_export.mechanism.keyed.noise import KeyedNoise
from dynanoise_export.mechanism.onnx_function import DOMAIN
from dynanoise_export.parameters import Parameters
from dynanoise_export.targets.inputs import TensorSpec
from dynanoise_export.targets.onnx_file import input_specs


@dataclass(frozen=True)
class ServedFile:
    """An ONNX file, defended or not, and what it says of itself.

    Attributes:
        path: of the file.
        sha256: of it and its external data.
        model: its graph.
        attributes: the parameters that its head's node holds; None for a head that is no such node.
        stated: what its metadata says, or None.
        inputs: what a client sends; not the noise.
        noise: the input that takes the noise, or None.
        answers: the name of the output that the noise covers, or of the first.
        classes: k, by the shape that the answers declare; 0 where they declare none.
        leaks: the taint walk.
    """

    path: Path
    sha256: str
    model: ir.Model
    attributes: Parameters | None
    stated: Provenance | None
    inputs: tuple[TensorSpec, ...]
    noise: TensorSpec | None
    answers: str
    classes: int
    leaks: LeakReport

    @property
    def keep_label(self) -> bool:
        """Whether its answers are said to keep the undefended label."""
        return self.stated is not None and self.stated.keep_label

    @property
    def keyed(self) -> bool:
        """Whether its noise is looked up by a hash of the query."""
        return any(draw.operator == KEYED for draw in self.leaks.draws)

    @property
    def noise_input(self) -> str | None:
        """The name of the input that takes the noise, or None."""
        return self.noise.name if self.noise else None


@dataclass(frozen=True)
class Subject(ServedFile):
    """A defended file that is judged.

    Attributes:
        parameters: what it is judged by: the user's, or else the file's own word.
    """

    parameters: Parameters

    @property
    def head(self) -> Head:
        """What it must answer like."""
        return DynaNoise(self.parameters, self.keep_label)


def open_subject(path: Path, given: Parameters | None = None) -> Subject:
    """Open a defended ONNX file.

    Args:
        path: of the file.
        given: parameters to judge it by, in place of those that it states.

    Raises:
        UserError: it is no ONNX model, or there are no parameters to judge it by.
    """
    file = open_file(path)
    parameters = given or known_parameters(file)
    if parameters is None:
        raise UserError(f"{path} states no parameters to judge it by: give --sigma0, --lambda and --temperature.")
    return Subject(**vars(file), parameters=parameters)


def keyed_noise_of(file: ServedFile, path: Path | None) -> KeyedNoise | None:
    """Read the key of a file with keyed noise, to go with the grids that it states; None for a file with other noise.

    Args:
        file: the defended file.
        path: of the key; None for the one beside the file.

    Raises:
        UserError: there is no key, it is another file's, or the file's noise has none.
    """
    if not file.keyed:
        if path is not None:
            raise UserError(f"{file.path} carries no keyed noise, so {path} is no key of it.")
        return None
    path = path or key_beside(file.path)
    if not path.exists():
        raise UserError(f"The noise of {file.path} is keyed, and there is no key {path}: give it with --key-file.")
    key = read_key(path)
    if file.stated is None or not file.stated.grids:
        raise UserError(f"{file.path} does not state the grids of its keyed noise, so it can't be judged.")
    if file.stated.key != key.fingerprint:
        raise UserError(f"{path} is another key ({key.fingerprint}) than {file.path} states ({file.stated.key}).")
    return KeyedNoise(key, file.stated.grids)


def open_file(path: Path) -> ServedFile:
    """Open an ONNX file, defended or not.

    Raises:
        UserError: it is no ONNX model.
    """
    model = read_model(path)
    stated = read_provenance(model)
    noise_input = stated.noise_input if stated else None
    leaks = find_leaks(model, [noise_input] if noise_input else [])
    answers = next((v for v in model.graph.outputs if v.name in leaks.noised), model.graph.outputs[0])
    k = answers.shape[-1] if answers.shape is not None and len(answers.shape) else 0
    specs = input_specs(model)
    return ServedFile(
        path=path,
        sha256=sha256(path, *external_files(model)),
        model=model,
        attributes=_attributes(model),
        stated=stated,
        inputs=tuple(spec for spec in specs if spec.name != noise_input),
        noise=next((spec for spec in specs if spec.name == noise_input), None),
        answers=answers.name or "",
        classes=k if isinstance(k, int) else 0,
        leaks=leaks,
    )


def known_parameters(file: ServedFile) -> Parameters | None:
    """Tell the parameters that a file states in its metadata or, failing that, holds in its head; None if neither.

    Raises:
        UserError: it states others than DynaNoise's.
    """
    return _stated_parameters(file.stated) or file.attributes


def _stated_parameters(stated: Provenance | None) -> Parameters | None:
    if stated is None:
        return None
    try:
        values = stated.parameters
        return Parameters(values["sigma0"], values["lambda"], values["temperature"])
    except (KeyError, TypeError) as error:
        raise UserError("The file's metadata states parameters that are not DynaNoise's.") from error


def _attributes(model: ir.Model) -> Parameters | None:
    heads = [node for node in model.graph if node.domain == DOMAIN and "sigma0" in node.attributes]
    if len(heads) != 1:
        return None
    values = heads[0].attributes
    return Parameters(
        values.get_float("sigma0", 0.0), values.get_float("lambda_", 0.0), values.get_float("temperature", 0.0)
    )
