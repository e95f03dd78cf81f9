"""Models on a server that speaks the Open Inference Protocol (KServe's v2): Triton, and others."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from dynanoise_export.errors import EndpointError, MissingPackageError, UserError, first_line, shortened
from dynanoise_export.noise.strength import Where
from dynanoise_export.runtimes.addresses import GRPC, Address
from dynanoise_export.runtimes.answers import joined_outputs
from dynanoise_export.runtimes.descriptions import Description, describe, models_of
from dynanoise_export.runtimes.predictor import Closing, batches
from dynanoise_export.types import Array, Arrays, row_count

# A description comes at once; an answer may take as long as a large model needs for a large batch.
CONNECTION_SECONDS, DESCRIPTION_SECONDS, ANSWER_SECONDS = 10.0, 10.0, 600.0
# More than the answers to a batch take, in bytes.
LARGEST_ANSWER = 1 << 28


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
                self._own = threading.local()  # the next connections may wait longer
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

        Outputs that have not one row for each row of their request are left out.

        Raises:
            EndpointError: the server refuses the request, or does not answer.
        """
        sent = list(batches(inputs, self.description.largest_batch or row_count(inputs)))
        with _one_sentence(self._address):
            parts = [self._infer(part) for part in sent]
        return joined_outputs(parts, [row_count(part) for part in sent])

    def _infer(self, inputs: Arrays) -> dict[str, Array]:
        datatypes = {tensor.name: tensor.datatype for tensor in self.description.inputs}
        options = {} if self._address.scheme in GRPC else {"binary_data": self.description.binary}
        sent = []
        for name, array in inputs.items():
            tensor = self._protocol.InferInput(name, list(array.shape), datatypes.get(name, "FP32"))
            tensor.set_data_from_numpy(array, **options)
            sent.append(tensor)
        requested = [self._protocol.InferRequestedOutput(name, **options) for name in self.outputs]
        within = self._within(ANSWER_SECONDS)
        response = self._client.infer(self._address.model, sent, self._address.version, requested, **within)
        answers = {name: response.as_numpy(name) for name in self.outputs}
        for name, array in answers.items():
            if array is None:
                raise EndpointError(f"The answer of {self._address.url} has no output {name!r}.")
            if array.dtype.kind not in "biuf":
                raise EndpointError(f"The output {name!r} of {self._address.url} holds no numbers.")
        return answers

    @property
    def _client(self) -> Any:
        if not hasattr(self._own, "client"):
            seconds = ANSWER_SECONDS if hasattr(self, "description") else DESCRIPTION_SECONDS
            self._own.client = _connect(self._protocol, self._address, seconds)
            self._clients.append(self._own.client)
        return self._own.client

    def _require_ready(self) -> None:
        address, client = self._address, self._client
        within = self._within(DESCRIPTION_SECONDS)
        if not client.is_server_live(**within):
            raise EndpointError(f"The server at {address.url} does not speak the Open Inference Protocol.")
        if client.is_model_ready(address.model, address.version, **within):
            return
        models = _index(client, within)
        names = sorted(models)
        if models and address.model not in names:
            raise EndpointError(
                f"The server of {address.url} has no model {address.model!r}; its models are "
                f"{shortened(', '.join(names))}."
            )
        reason = models.get(address.model)
        reasons = [first_line(ValueError(reason))] if reason else []
        raise EndpointError(": ".join([f"The model of {address.url} is missing or not ready", *reasons]) + ".")

    def _describe(self) -> Description:
        address, options = self._address, {"as_json": True} if self._address.scheme in GRPC else {}
        options |= self._within(DESCRIPTION_SECONDS)
        server = self._client.get_server_metadata(**options)
        model = self._client.get_model_metadata(address.model, address.version, **options)
        try:
            config = self._client.get_model_config(address.model, address.version, **options)
        except Exception:  # an extension of Triton, which other servers do not have
            config = {}
        return describe(address.url, server, model, config)

    def _within(self, seconds: float) -> dict[str, Any]:
        """Give the option that limits the time of a call over gRPC; the client over HTTP limits all of its calls."""
        return {"client_timeout": seconds} if self._address.scheme in GRPC else {}


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


def _connect(protocol: ModuleType, address: Address, seconds: float) -> Any:
    secure = address.scheme in ("https", "grpcs")
    if address.scheme in GRPC:
        limits = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", LARGEST_ANSWER)]
        return protocol.InferenceServerClient(address.server, ssl=secure, channel_args=limits)
    from dynanoise_export.runtimes.bounded_http import BoundedClient

    return BoundedClient(
        address.server, ssl=secure, connection_timeout=CONNECTION_SECONDS, seconds=seconds, most_bytes=LARGEST_ANSWER
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
    except Exception as error:  # a client of foreign answers can raise anything
        raise EndpointError(f"Can't query {address.url}: {first_line(error)}.") from error


def _index(client: Any, within: Mapping[str, Any]) -> dict[str, str]:
    """List the server's models, each with why it is not ready; empty if it has no such list, an extension of Triton."""
    try:
        return models_of(client.get_model_repository_index(**within))
    except Exception:  # another server may answer anything
        return {}
