"""A deployed model: everything that is known about it, decided once when it is opened."""

from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.guards.guard import Guard
from dynanoise_export.graph.leaks import LeakReport
from dynanoise_export.graph.provenance import Provenance
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimeEndpoint
from dynanoise_export.runtimes.predictor import Endpoint
from dynanoise_export.runtimes.provider import Execution
from dynanoise_export.types import TensorSpec


@dataclass(frozen=True)
class Graph:
    """The graph of a deployed ONNX file.

    Attributes:
        path: of the file.
        model: its graph.
        leaks: what the taint walk found in it.
        node_defence: the defence that a node of the graph calls, with its parameters; None if there is no such node.
    """

    path: Path
    model: ir.Model
    leaks: LeakReport
    node_defence: Defence | None


@dataclass(frozen=True)
class DeployedModel:
    """A model where it is deployed, defended or not.

    Attributes:
        name: its path or its URL, as the user gave it.
        sha256: of the file, with its external data; None if a server does not state it.
        endpoint: opens a session of it.
        inputs: those that a client sends; not the noise.
        noise_input: the input that takes the noise, or None.
        answers: the name of the output that the defence covers, or of the first output.
        others: the names of the other outputs.
        classes: k, from the declared shape of the answers; 0 if it is not declared.
        labels: the names of the classes; empty if the model does not state them.
        defence: the one that the model states, or else the one that a node of its graph calls; None if undefended.
        noise: its noise source, from the graph if it is known, else as the model states; None for no noise.
        provenance: what the model states about how it was made, or None.
        graph: of an ONNX file; None for a plan and on a server, where it can't be read.
        content_sha256: of an ONNX file's content, which stays the same if another tool saves it again; None if the
            graph can't be read.
    """

    name: str
    sha256: str | None
    endpoint: Endpoint
    inputs: tuple[TensorSpec, ...]
    noise_input: TensorSpec | None
    answers: str
    others: tuple[str, ...]
    classes: int
    labels: tuple[str, ...]
    defence: Defence | None
    noise: NoiseSource | None
    provenance: Provenance | None
    graph: Graph | None
    content_sha256: str | None = None

    @property
    def holds_secret(self) -> bool:
        """Whether its file holds a secret: the tables of keyed noise, or a guard's offsets."""
        return self.noise is NoiseSource.KEYED or (self.guard is not None and bool(self.guard.secret_names))

    @property
    def execution(self) -> Execution | None:
        """How ONNX Runtime runs its file; None if it runs elsewhere."""
        return self.endpoint.execution if isinstance(self.endpoint, OnnxRuntimeEndpoint) else None

    @property
    def guard(self) -> Guard | None:
        """The guard on its inputs that it states; None if it states none."""
        return None if self.provenance is None else self.provenance.guard

    @property
    def all_inputs(self) -> tuple[TensorSpec, ...]:
        """All inputs of the model, including the noise."""
        return self.inputs if self.noise_input is None else (*self.inputs, self.noise_input)

    @property
    def leaking(self) -> tuple[str, ...]:
        """The names of the outputs that bypass the defence."""
        return self.graph.leaks.leaking if self.graph is not None else self.others

    @property
    def short_name(self) -> str:
        """The last part of its name."""
        return Path(self.name).name
