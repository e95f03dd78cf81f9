"""How a server describes a model, in a form that is checked before anything looks at it."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from dynanoise_export.errors import EndpointError
from dynanoise_export.records import Record, record_of

LONGEST_NAME, MOST_TENSORS, MOST_AXES, LARGEST_AXIS = 1024, 1024, 32, 1 << 31

Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
# JSON made of gRPC's messages writes integers of 64 bits as strings.
Axis = Annotated[
    int,
    BeforeValidator(lambda size: int(size) if isinstance(size, str) and len(size) < 20 else size),
    Field(ge=-1, le=LARGEST_AXIS),
]


class TensorSeen(Record):
    """An input or output, as the server describes it.

    Attributes:
        name: of the tensor.
        datatype: the protocol's name of its type.
        shape: with -1 for a dynamic axis.
    """

    name: Name
    datatype: Name
    shape: Annotated[list[Axis], Field(max_length=MOST_AXES)] = Field(default_factory=list)


class _Metadata(Record):
    inputs: Annotated[list[TensorSeen], Field(max_length=MOST_TENSORS)]
    outputs: Annotated[list[TensorSeen], Field(max_length=MOST_TENSORS)]


class _Server(Record):
    extensions: list[str] = Field(default_factory=list)


class _Parameter(Record):
    string_value: str = ""


class _Config(Record):
    backend: str = ""
    max_batch_size: Annotated[int, Field(ge=0, le=LARGEST_AXIS)] = 0
    parameters: dict[str, _Parameter] = Field(default_factory=dict)


class _Listed(Record):
    name: Name
    reason: str = ""


@dataclass(frozen=True)
class Description:
    """How a server describes a model.

    Attributes:
        inputs: of the model.
        outputs: of the model.
        config: of the model in Triton: its `backend`, `max_batch_size` and `parameters`.
        binary: whether the server takes and gives arrays as bytes over HTTP.
    """

    inputs: tuple[TensorSeen, ...]
    outputs: tuple[TensorSeen, ...]
    config: dict[str, Any]
    binary: bool

    @property
    def largest_batch(self) -> int | None:
        """How many rows it takes at once, or None if the server does not say."""
        return int(self.config["max_batch_size"]) or None


def describe(url: str, server: Any, model: Any, config: Any) -> Description:
    """Check what a server says.

    Args:
        url: of the model, for messages.
        server: what it says about itself.
        model: about the model.
        config: how the model is configured in Triton; empty from other servers.

    Raises:
        EndpointError: it has another form than the protocol's.
    """
    metadata = record_of(_Metadata, model, f"The description of {url}", EndpointError)
    own = config.get("config", config) if isinstance(config, dict) else config
    configured = record_of(_Config, own, f"The config of {url}", EndpointError)
    said = record_of(_Server, server, f"What the server of {url} says about itself", EndpointError)
    names = [tensor.name for tensor in (*metadata.inputs, *metadata.outputs)]
    if len(set(names)) < len(names):
        raise EndpointError(f"The description of {url} has two inputs or outputs of one name.")
    return Description(
        inputs=tuple(metadata.inputs),
        outputs=tuple(metadata.outputs),
        config=configured.model_dump(),
        binary="binary_tensor_data" in said.extensions,
    )


def models_of(index: Any) -> dict[str, str]:
    """List the models of a server, each with why it is not ready.

    Raises:
        Exception: the server has no such list.
    """
    listed = getattr(index, "models", index)
    plain = [one if isinstance(one, dict) else {"name": one.name, "reason": one.reason} for one in listed]
    records = [record_of(_Listed, one, "The list of models", EndpointError) for one in plain]
    return {record.name: record.reason for record in records}
