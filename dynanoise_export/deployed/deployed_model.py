"""What is known of a model that is deployed, wherever it runs."""

from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from dynanoise_export.errors import UserError
from dynanoise_export.graph.leaks import KEYED, LeakReport
from dynanoise_export.graph.provenance import Provenance
from dynanoise_export.parameters import NoiseSource, Parameters, Provider
from dynanoise_export.runtimes.predictor import Endpoint
from dynanoise_export.sources.inputs import TensorSpec


@dataclass(frozen=True)
class Graph:
    """A model's graph, where it lies open; that of a plan or behind a URL can't be seen.

    Attributes:
        path: of the ONNX file.
        model: what it holds.
        attributes: the parameters that its head's node holds; None for a head that is no such node.
        leaks: the taint walk.
        provider: what ONNX Runtime runs it on.
    """

    path: Path
    model: ir.Model
    attributes: Parameters | None
    leaks: LeakReport
    provider: Provider


@dataclass(frozen=True)
class DeployedModel:
    """A model where it is deployed, defended or not, and what it says of itself.

    Attributes:
        name: its path or its URL, as people give it.
        sha256: of the file, with its external data; None behind a URL that does not tell it.
        endpoint: where it runs.
        stated: what it says of its defence, or None.
        inputs: what a client sends; not the noise.
        noise: the input that takes the noise, or None.
        answers: the name of the output that the noise covers, or of the first.
        others: the names of its other outputs.
        classes: k, by the shape that the answers declare; 0 where they declare none.
        graph: where it can be seen, or None.
    """

    name: str
    sha256: str | None
    endpoint: Endpoint
    stated: Provenance | None
    inputs: tuple[TensorSpec, ...]
    noise: TensorSpec | None
    answers: str
    others: tuple[str, ...]
    classes: int
    graph: Graph | None

    @property
    def keep_label(self) -> bool:
        """Whether its answers are said to keep the undefended label."""
        return self.stated is not None and self.stated.keep_label

    @property
    def keyed(self) -> bool:
        """Whether its noise is looked up by a hash of the query: by its graph or, where there is none, by its word."""
        if self.graph is not None:
            return any(draw.operator == KEYED for draw in self.graph.leaks.draws)
        return self.stated is not None and self.stated.noise == NoiseSource.KEYED

    @property
    def noise_input(self) -> str | None:
        """The name of the input that takes the noise, or None."""
        return self.noise.name if self.noise else None

    @property
    def parameters(self) -> Parameters | None:
        """The parameters that it states or, failing that, holds in its head; None if neither.

        Raises:
            UserError: it states others than DynaNoise's.
        """
        if self.stated is None:
            return self.graph.attributes if self.graph else None
        try:
            values = self.stated.parameters
            return Parameters(values["sigma0"], values["lambda"], values["temperature"])
        except (KeyError, TypeError) as error:
            raise UserError(f"{self.name} states parameters that are not DynaNoise's.") from error
