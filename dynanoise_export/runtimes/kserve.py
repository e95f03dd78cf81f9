"""Models on a server that speaks the Open Inference Protocol (KServe's v2): Triton, and others."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from dynanoise_export.errors import UserError, first_line
from dynanoise_export.runtimes.addresses import GRPC, Address
from dynanoise_export.runtimes.predictor import Arrays, batches, rows_of

CONNECTION_SECONDS, ANSWER_SECONDS = 10.0, 600.0


@dataclass(frozen=True)
class TensorSeen:
    """An input or output, as the server tells it.

    Attributes:
        name: of it.
        datatype: by the protocol's name.
        shape: with -1 for a dynamic axis.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Description:
    """What a server tells of a model.

    Attributes:
        inputs: what it takes.
        outputs: what it gives.
        config: Triton's own word on it; empty from other servers.
        binary: whether it takes and gives arrays as bytes over HTTP.
    """

    inputs: tuple[TensorSeen, ...]
    outputs: tuple[TensorSeen, ...]
    config: dict[str, Any]
    binary: bool

    @property
    def largest_batch(self) -> int | None:
        """How many rows it takes at once, or None where the server does not say."""
        return int(self.config.get("max_batch_size", 0)) or None


class KServePredictor:
    """A model on a server, asked over HTTP or gRPC.

    It may be asked from several threads at once: each has a connection of its own.

    Raises:
        UserError: no server answers, or it has no such model, or that is not ready.
    """

    def __init__(self, address: Address) -> None:
        self._address, self._protocol = address, _protocol(address)
        self._own = threading.local()
        with _told(address):
            self._require_ready()
            self.description = self._describe()

    @property
    def inputs(self) -> list[str]:
        """The names of the inputs."""
        return [tensor.name for tensor in self.description.inputs]

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs."""
        return [tensor.name for tensor in self.description.outputs]

    def run(self, inputs: Arrays) -> dict[str, npt.NDArray[np.generic]]:
        """Answer one batch, in several requests if the server takes fewer rows at once.

        Raises:
            UserError: the server refuses the request, or does not answer.
        """
        with _told(self._address):
            parts = [self._infer(part) for part in batches(inputs, self.description.largest_batch or rows_of(inputs))]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.outputs}

    def _infer(self, inputs: Arrays) -> dict[str, npt.NDArray[np.generic]]:
        datatypes = {tensor.name: tensor.datatype for tensor in self.description.inputs}
        options = {} if self._address.scheme in GRPC else {"binary_data": self.description.binary}
        sent = []
        for name, array in inputs.items():
            tensor = self._protocol.InferInput(name, list(array.shape), datatypes.get(name, "FP32"))
            tensor.set_data_from_numpy(array, **options)
            sent.append(tensor)
        wanted = [self._protocol.InferRequestedOutput(name, **options) for name in self.outputs]
        answer = self._client.infer(self._address.model, sent, self._address.version, wanted)
        answers = {name: answer.as_numpy(name) for name in self.outputs}
        if lacking := [name for name, array in answers.items() if array is None]:
            raise UserError(f"The answer of {self._address.url} lacks the output {lacking[0]!r}.")
        return answers

    @property
    def _client(self) -> Any:
        if not hasattr(self._own, "client"):
            self._own.client = _connect(self._protocol, self._address)
        return self._own.client

    def _require_ready(self) -> None:
        address, client = self._address, self._client
        if not client.is_server_live():
            raise UserError(f"What answers at {address.url} does not speak the Open Inference Protocol.")
        if client.is_model_ready(address.model, address.version):
            return
        models = _index(client)
        names = sorted({model["name"] for model in models})
        if models and address.model not in names:
            raise UserError(f"The server of {address.url} has no model {address.model!r}; it has {', '.join(names)}.")
        reasons = [
            first_line(ValueError(m["reason"])) for m in models if m["name"] == address.model and m.get("reason")
        ]
        raise UserError(": ".join([f"The model of {address.url} is not ready, or not there", *reasons[:1]]) + ".")

    def _describe(self) -> Description:
        address, json = self._address, {"as_json": True} if self._address.scheme in GRPC else {}
        server = self._client.get_server_metadata(**json)
        model = self._client.get_model_metadata(address.model, address.version, **json)
        try:
            config = self._client.get_model_config(address.model, address.version, **json)
        except Exception:  # an extension of Triton's, which other servers don't have
            config = {}
        return Description(
            inputs=tuple(_seen(tensor) for tensor in model["inputs"]),
            outputs=tuple(_seen(tensor) for tensor in model["outputs"]),
            config=config.get("config", config),
            binary="binary_tensor_data" in server.get("extensions", ()),
        )


@dataclass(frozen=True)
class KServeEndpoint:
    """A model on a server, as a place where it runs.

    Attributes:
        address: of the model.
        generator: what is weak about the random numbers that are drawn there; empty where nothing is known.
        sessions_repeat: False: another session is another connection to the same server.
    """

    address: Address
    generator: str = ""
    sessions_repeat: bool = False

    def open(self) -> KServePredictor:
        """Connect to the server.

        Raises:
            UserError: no server answers, or it has no such model, or that is not ready.
        """
        return KServePredictor(self.address)


def _protocol(address: Address) -> ModuleType:
    try:
        if address.scheme in GRPC:
            from tritonclient import grpc

            return grpc  # type: ignore[no-any-return]
        from tritonclient import http
    except ImportError as error:
        raise UserError(f"To ask {address.url} takes tritonclient: pip install 'dynanoise-export[triton]'.") from error
    return http  # type: ignore[no-any-return]


def _connect(protocol: ModuleType, address: Address) -> Any:
    secure = address.scheme in ("https", "grpcs")
    if address.scheme in GRPC:
        return protocol.InferenceServerClient(address.server, ssl=secure)
    return protocol.InferenceServerClient(
        address.server, ssl=secure, connection_timeout=CONNECTION_SECONDS, network_timeout=ANSWER_SECONDS
    )


@contextmanager
def _told(address: Address) -> Iterator[None]:
    """Tell in one sentence what a client raises, which is of many classes."""
    from tritonclient.utils import InferenceServerException

    try:
        yield
    except UserError:
        raise
    except InferenceServerException as error:
        if "UNAVAILABLE" in str(error.status()):
            raise UserError(f"No server answers at {address.url}: {first_line(error)}.") from error
        raise UserError(f"The server of {address.url} refuses: {first_line(error)}.") from error
    except Exception as error:
        raise UserError(f"No server answers at {address.url}: {first_line(error)}.") from error


def _index(client: Any) -> list[dict[str, Any]]:
    """List the server's models, or none where it does not tell them: that is an extension of Triton's too."""
    try:
        answer = client.get_model_repository_index()
        return [
            m if isinstance(m, dict) else {"name": m.name, "reason": m.reason}
            for m in getattr(answer, "models", answer)
        ]
    except Exception:  # whatever another server makes of it
        return []


def _seen(tensor: dict[str, Any]) -> TensorSeen:
    return TensorSeen(tensor["name"], tensor["datatype"], tuple(int(size) for size in tensor.get("shape", ())))
