"""Models on a server that speaks the Open Inference Protocol (KServe's v2): Triton, and others."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from dynanoise_export.errors import EndpointError, MissingPackageError, UserError, first_line
from dynanoise_export.noise.strength import Where
from dynanoise_export.runtimes.addresses import GRPC, Address
from dynanoise_export.runtimes.predictor import Closing, batches
from dynanoise_export.types import Array, Arrays, row_count

CONNECTION_SECONDS, ANSWER_SECONDS = 10.0, 600.0


@dataclass(frozen=True)
class TensorSeen:
    """An input or output, as the server describes it.

    Attributes:
        name: of the tensor.
        datatype: the protocol's name of its type.
        shape: with -1 for a dynamic axis.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Description:
    """How a server describes a model.

    Attributes:
        inputs: of the model.
        outputs: of the model.
        config: of the model in Triton; empty from other servers.
        binary: whether the server takes and gives arrays as bytes over HTTP.
    """

    inputs: tuple[TensorSeen, ...]
    outputs: tuple[TensorSeen, ...]
    config: dict[str, Any]
    binary: bool

    @property
    def largest_batch(self) -> int | None:
        """How many rows it takes at once, or None if the server does not say."""
        return int(self.config.get("max_batch_size", 0)) or None


class KServePredictor(Closing):
    """A model on a server, queried over HTTP or gRPC.

    Several threads may use it at once: each has a connection of its own.

    Args:
        address: of the model.

    Raises:
        MissingPackageError: tritonclient is not installed.
        EndpointError: no server answers, or it has no such model, or the model is not ready.
    """

    def __init__(self, address: Address) -> None:
        self._address, self._protocol = address, _protocol(address)
        self._own = threading.local()
        self._clients: list[Any] = []
        try:
            with _one_sentence(address):
                self._require_ready()
                self.description = self._describe()
        except UserError:
            self.close()
            raise

    @property
    def inputs(self) -> list[str]:
        """The names of the inputs."""
        return [tensor.name for tensor in self.description.inputs]

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs."""
        return [tensor.name for tensor in self.description.outputs]

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._clients:
            self._clients.pop().close()

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Answer one batch, in several requests if the server takes fewer rows at once.

        Raises:
            EndpointError: the server refuses the request, or does not answer.
        """
        with _one_sentence(self._address):
            parts = [self._infer(part) for part in batches(inputs, self.description.largest_batch or row_count(inputs))]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.outputs}

    def _infer(self, inputs: Arrays) -> dict[str, Array]:
        datatypes = {tensor.name: tensor.datatype for tensor in self.description.inputs}
        options = {} if self._address.scheme in GRPC else {"binary_data": self.description.binary}
        sent = []
        for name, array in inputs.items():
            tensor = self._protocol.InferInput(name, list(array.shape), datatypes.get(name, "FP32"))
            tensor.set_data_from_numpy(array, **options)
            sent.append(tensor)
        requested = [self._protocol.InferRequestedOutput(name, **options) for name in self.outputs]
        response = self._client.infer(self._address.model, sent, self._address.version, requested)
        answers = {name: response.as_numpy(name) for name in self.outputs}
        if missing := [name for name, array in answers.items() if array is None]:
            raise EndpointError(f"The answer of {self._address.url} has no output {missing[0]!r}.")
        return answers

    @property
    def _client(self) -> Any:
        if not hasattr(self._own, "client"):
            self._own.client = _connect(self._protocol, self._address)
            self._clients.append(self._own.client)
        return self._own.client

    def _require_ready(self) -> None:
        address, client = self._address, self._client
        if not client.is_server_live():
            raise EndpointError(f"The server at {address.url} does not speak the Open Inference Protocol.")
        if client.is_model_ready(address.model, address.version):
            return
        models = _index(client)
        names = sorted({model["name"] for model in models})
        if models and address.model not in names:
            raise EndpointError(
                f"The server of {address.url} has no model {address.model!r}; its models are {', '.join(names)}."
            )
        reasons = [
            first_line(ValueError(m["reason"])) for m in models if m["name"] == address.model and m.get("reason")
        ]
        raise EndpointError(": ".join([f"The model of {address.url} is missing or not ready", *reasons[:1]]) + ".")

    def _describe(self) -> Description:
        address, json = self._address, {"as_json": True} if self._address.scheme in GRPC else {}
        server = self._client.get_server_metadata(**json)
        model = self._client.get_model_metadata(address.model, address.version, **json)
        try:
            config = self._client.get_model_config(address.model, address.version, **json)
        except Exception:  # an extension of Triton, which other servers do not have
            config = {}
        return Description(
            inputs=tuple(_seen(tensor) for tensor in model["inputs"]),
            outputs=tuple(_seen(tensor) for tensor in model["outputs"]),
            config=config.get("config", config),
            binary="binary_tensor_data" in server.get("extensions", ()),
        )


@dataclass(frozen=True)
class KServeEndpoint:
    """A model on a server. Another session is another connection to the same server.

    Attributes:
        address: of the model.
        where: what runs it, if the server says so.
    """

    address: Address
    where: Where = Where.SERVER

    def open(self) -> KServePredictor:
        """Connect to the server.

        Raises:
            UserError: no server answers, or it has no such model, or the model is not ready.
        """
        return KServePredictor(self.address)


def _protocol(address: Address) -> ModuleType:
    try:
        if address.scheme in GRPC:
            from tritonclient import grpc

            return grpc  # type: ignore[no-any-return]
        from tritonclient import http
    except ImportError as error:
        raise MissingPackageError(
            f"Querying {address.url} needs tritonclient: pip install 'dynanoise-export[triton]'."
        ) from error
    return http  # type: ignore[no-any-return]


def _connect(protocol: ModuleType, address: Address) -> Any:
    secure = address.scheme in ("https", "grpcs")
    if address.scheme in GRPC:
        return protocol.InferenceServerClient(address.server, ssl=secure)
    return protocol.InferenceServerClient(
        address.server, ssl=secure, connection_timeout=CONNECTION_SECONDS, network_timeout=ANSWER_SECONDS
    )


@contextmanager
def _one_sentence(address: Address) -> Iterator[None]:
    """Turn the many kinds of errors that a client raises into one sentence."""
    from tritonclient.utils import InferenceServerException

    try:
        yield
    except UserError:
        raise
    except InferenceServerException as error:
        if "UNAVAILABLE" in str(error.status()):
            raise EndpointError(f"No server answers at {address.url}: {first_line(error)}.") from error
        raise EndpointError(f"The server of {address.url} refuses the request: {first_line(error)}.") from error
    except Exception as error:
        raise EndpointError(f"No server answers at {address.url}: {first_line(error)}.") from error


def _index(client: Any) -> list[dict[str, Any]]:
    """List the server's models; empty if it has no such list, which is another extension of Triton."""
    try:
        answer = client.get_model_repository_index()
        return [
            m if isinstance(m, dict) else {"name": m.name, "reason": m.reason}
            for m in getattr(answer, "models", answer)
        ]
    except Exception:  # another server may answer anything
        return []


def _seen(tensor: dict[str, Any]) -> TensorSeen:
    return TensorSeen(tensor["name"], tensor["datatype"], tuple(int(size) for size in tensor.get("shape", ())))
