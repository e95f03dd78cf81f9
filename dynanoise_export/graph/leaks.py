"""The taint walk, which finds what leaves the graph and is not covered by the noise.

Each value has one of four states. What a client sends in is raw, and what is computed from it stays raw until
noise is added to it; from there on it is noised. An output must not be raw. The walk goes through local
functions and through the subgraphs of If, Loop and Scan, so a head is judged by what it does, whether it is one
node or flattened into many. It sees how values are wired, not how large the noise is: that is for `validate`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import zip_longest

import onnx_ir as ir
from onnx_ir.passes import common


class State(IntEnum):
    """What a value tells about the query, from nothing to all."""

    CLEAN = 0
    NOISE = 1
    NOISED = 2
    RAW = 3


@dataclass(frozen=True)
class Draw:
    """One random operator of the graph.

    Attributes:
        name: of the node.
        operator: `RandomNormalLike` for the noise of a head.
        seeded: repeats its noise in every session.
        live: hangs on a value that changes with the query, so that no optimiser folds it.
    """

    name: str
    operator: str
    seeded: bool
    live: bool


@dataclass(frozen=True)
class LeakReport:
    """What the walk found.

    Attributes:
        leaks: the names of the outputs that tell of the query what the noise has not covered.
        noised: the names of the outputs that the noise covers.
        draws: the random operators, each once, in the order of the walk.
        overridable: the names of the weights that a caller may replace, for they are inputs too.
    """

    leaks: tuple[str, ...]
    noised: tuple[str, ...]
    draws: tuple[Draw, ...]
    overridable: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the model gives defended answers and nothing else."""
        return bool(self.noised) and not self.leaks and not self.overridable


def find_leaks(model: ir.Model, noise_inputs: Collection[str] = ()) -> LeakReport:
    """Walk the model from its inputs to its outputs.

    Args:
        model: any ONNX model; its nodes are put in the order in which they run.
        noise_inputs: the names of the inputs that carry standard normals, in place of a query.
    """
    common.TopologicalSortPass()(model)
    walk = _Walk(model)
    weights = set(model.graph.initializers)
    overridable = tuple(v.name or "" for v in model.graph.inputs if v.name in weights)
    states = {
        value: State.NOISE if value.name in noise_inputs else State.RAW
        for value in model.graph.inputs
        if value.name not in weights
    }
    walk.graph(model.graph, states)
    outputs = [(value.name or "", states.get(value, State.CLEAN)) for value in model.graph.outputs]
    return LeakReport(
        leaks=tuple(name for name, state in outputs if state is State.RAW),
        noised=tuple(name for name, state in outputs if state is State.NOISED),
        draws=tuple(walk.draws.values()),
        overridable=overridable,
    )


RANDOM_LIKE = {"RandomNormalLike", "RandomUniformLike"}
RANDOM = RANDOM_LIKE | {"RandomNormal", "RandomUniform"}
SHAPES_ONLY = {"Shape", "Size"}
ADDS = {"Add", "Sub", "Sum"}
SCALES = {"Mul", "Div"}


@dataclass
class _Walk:
    model: ir.Model
    draws: dict[ir.Node, Draw] = field(default_factory=dict)

    def graph(self, graph: ir.Graph | ir.Function, states: dict[ir.Value, State]) -> None:
        """Give a state to every value of the graph; `states` holds those of its inputs and of outer scopes."""
        for node in graph:
            for value, state in zip(node.outputs, self.node(node, states), strict=True):
                states[value] = state

    def node(self, node: ir.Node, states: dict[ir.Value, State]) -> Sequence[State]:
        inputs = [State.CLEAN if value is None else states.get(value, State.CLEAN) for value in node.inputs]
        function = self.model.functions.get(node.op_identifier())
        if function is not None:
            return self.call(function, inputs)
        bodies = [a.as_graph() for a in node.attributes.values() if a.type == ir.AttributeType.GRAPH]
        if node.op_type == "If" and len(bodies) == 2:
            return self.branches(bodies, inputs[0], states)
        if bodies:
            return self.loop(node, bodies, inputs, states)
        if node.op_type in RANDOM:
            live = node.op_type in RANDOM_LIKE and inputs[0] in (State.RAW, State.NOISED)
            self.draws[node] = Draw(node.name or "", node.op_type, "seed" in node.attributes, live)
        return [_combine(node.op_type, inputs)] * len(node.outputs)

    def call(self, function: ir.Function, inputs: Sequence[State]) -> Sequence[State]:
        states: dict[ir.Value, State] = dict(zip(function.inputs, inputs, strict=False))
        self.graph(function, states)
        return [states.get(value, State.CLEAN) for value in function.outputs]

    def branches(
        self, bodies: Sequence[ir.Graph], condition: State, outer: Mapping[ir.Value, State]
    ) -> Sequence[State]:
        # Which branch ran tells of the condition, so an output is at least as telling as that.
        ends = []
        for body in bodies:
            states = dict(outer)
            self.graph(body, states)
            ends.append([max(condition, states.get(value, State.CLEAN)) for value in body.outputs])
        return [max(pair) for pair in zip(*ends, strict=True)]

    def loop(
        self,
        node: ir.Node,
        bodies: Sequence[ir.Graph],
        inputs: Sequence[State],
        outer: Mapping[ir.Value, State],
    ) -> Sequence[State]:
        # What one turn computes, the next may read: the states only grow, so this ends after a few turns.
        reached = max(inputs, default=State.CLEAN)
        while True:
            ends = []
            for body in bodies:
                states = dict(outer) | dict.fromkeys(body.inputs, reached)
                self.graph(body, states)
                ends += [states.get(value, State.CLEAN) for value in body.outputs]
            if max(ends) <= reached:
                break
            reached = max(ends)
        # With no turn at all, what is carried comes out as it went in.
        given = ends[1:] if node.op_type == "Loop" else ends
        scanned = node.attributes.get_int("num_scan_inputs", len(inputs))
        carried = inputs[2:] if node.op_type == "Loop" else inputs[: len(inputs) - scanned]
        return [max(end, start) for end, start in zip_longest(given, carried[: len(given)], fillvalue=State.CLEAN)]


def _combine(operator: str, inputs: Sequence[State]) -> State:
    if operator in SHAPES_ONLY:
        return State.CLEAN
    if operator in RANDOM:
        return State.NOISE
    telling = {state for state in inputs if state >= State.NOISED}
    if State.NOISE in inputs:
        if operator in ADDS and len(telling) == 1:
            return State.NOISED
        if operator in SCALES and State.NOISED not in telling:
            return State.NOISE
    return max(inputs, default=State.CLEAN)
