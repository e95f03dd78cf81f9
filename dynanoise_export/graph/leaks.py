"""The taint walk, which finds what leaves the graph and is not covered by the noise.

Each value has one of four states. What a client sends in is raw, and what is computed from it stays raw until
noise is added to it; from there on it is noised, unless it meets the same noise again. An output must be neither
raw nor the noise itself. The walk goes through local functions and through the subgraphs of If, Loop and Scan, so
a head is judged by what it does, whether it is one node or flattened into many. It sees how values are wired, not
how large the noise is: that is for `validate`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

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
        leaks: the names of the outputs that tell of the query what the noise has not covered, or tell the noise.
        noised: the names of the outputs that the noise covers.
        draws: the random operators, in the order of the walk; one in a function counts for each call.
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
    taints = {
        value: Taint(State.NOISE, frozenset([(value,)])) if value.name in noise_inputs else RAW
        for value in model.graph.inputs
        if value.name not in weights
    }
    walk.graph(model.graph, taints)
    outputs = [(value.name or "", taints.get(value, CLEAN).state) for value in model.graph.outputs]
    return LeakReport(
        leaks=tuple(name for name, state in outputs if state in (State.NOISE, State.RAW)),
        noised=tuple(name for name, state in outputs if state is State.NOISED),
        draws=tuple(walk.draws.values()),
        overridable=overridable,
    )


RANDOM_LIKE = {"RandomNormalLike", "RandomUniformLike"}
RANDOM = RANDOM_LIKE | {"RandomNormal", "RandomUniform"}
SHAPES_ONLY = {"Shape", "Size"}
ADDS = {"Add", "Sub", "Sum"}
SCALES = {"Mul", "Div"}
# Noise cut into steps is a mask, as dropout's is, and no cover for what it is multiplied with.
STEPS = {"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Floor"}
TURNS = {"Loop", "Scan", "SequenceMap"}

# One draw at run time: the calls of functions that lead to it, and the random operator or the noise input.
Source = tuple[ir.Node | ir.Value, ...]


@dataclass(frozen=True)
class Taint:
    """The state of a value, and the draws that took part in it."""

    state: State
    sources: frozenset[Source] = frozenset()


CLEAN = Taint(State.CLEAN)
RAW = Taint(State.RAW)


@dataclass
class _Walk:
    model: ir.Model
    draws: dict[Source, Draw] = field(default_factory=dict)
    calls: Source = ()

    def graph(self, graph: ir.Graph | ir.Function, taints: dict[ir.Value, Taint]) -> None:
        """Give a taint to every value of the graph; `taints` holds those of its inputs and of outer scopes."""
        for node in graph:
            for value, taint in zip(node.outputs, self.node(node, taints), strict=False):
                taints[value] = taint

    def node(self, node: ir.Node, taints: dict[ir.Value, Taint]) -> Sequence[Taint]:
        inputs = [CLEAN if value is None else taints.get(value, CLEAN) for value in node.inputs]
        function = self.model.functions.get(node.op_identifier())
        if function is not None:
            return self.call(node, function, inputs)
        operator = node.op_type if node.domain == "" else ""
        bodies = [a.as_graph() for a in node.attributes.values() if a.type == ir.AttributeType.GRAPH]
        if operator == "If":
            return self.branches(bodies, inputs, taints)
        if operator in TURNS and len(bodies) == 1:
            return self.turns(node, bodies[0], inputs, taints)
        if bodies:
            return [RAW] * len(node.outputs)
        if operator in RANDOM:
            return [self.draw(node, inputs)]
        return [_combine(operator, inputs)] * len(node.outputs)

    def draw(self, node: ir.Node, inputs: Sequence[Taint]) -> Taint:
        live = node.op_type in RANDOM_LIKE and _join(inputs).state in (State.RAW, State.NOISED)
        source = (*self.calls, node)
        self.draws[source] = Draw(node.name or "", node.op_type, "seed" in node.attributes, live)
        return Taint(State.NOISE, frozenset([source]))

    def call(self, node: ir.Node, function: ir.Function, inputs: Sequence[Taint]) -> Sequence[Taint]:
        taints = dict(zip(function.inputs, inputs, strict=False))
        outer, self.calls = self.calls, (*self.calls, node)
        self.graph(function, taints)
        self.calls = outer
        return [taints.get(value, CLEAN) for value in function.outputs]

    def branches(
        self, bodies: Sequence[ir.Graph], inputs: Sequence[Taint], outer: Mapping[ir.Value, Taint]
    ) -> Sequence[Taint]:
        # Which branch ran tells of the condition, so an output is at least as telling as that.
        ends = []
        for body in bodies:
            taints = dict(outer)
            self.graph(body, taints)
            ends.append([taints.get(value, CLEAN) for value in body.outputs])
        return [_join([*inputs, *pair]) for pair in zip(*ends, strict=False)]

    def turns(
        self, node: ir.Node, body: ir.Graph, inputs: Sequence[Taint], outer: Mapping[ir.Value, Taint]
    ) -> Sequence[Taint]:
        """Follow a Loop or Scan until its taints grow no more: what one turn computes, the next may read."""
        # A Loop's body takes (number, condition, carried…) and gives (condition, carried…, collected…); a Scan's
        # takes (carried…, scanned…) and gives (carried…, collected…).
        loop = node.op_type == "Loop"
        starts = [CLEAN, *inputs[1:]] if loop else list(inputs)
        starts += [CLEAN] * (len(body.inputs) - len(starts))
        scanned = 0 if loop else node.attributes.get_int("num_scan_inputs", len(inputs))
        first, last = int(loop), len(body.inputs) - scanned
        ends = [CLEAN] * len(body.outputs)
        while True:
            taints = dict(outer) | dict(zip(body.inputs, starts, strict=False))
            self.graph(body, taints)
            ends = [_join([end, taints.get(value, CLEAN)]) for end, value in zip(ends, body.outputs, strict=True)]
            # With no turn at all, what is carried comes out as it went in.
            carried = [_join(pair) for pair in zip(starts[first:last], ends, strict=False)]
            if carried == starts[first:last]:
                break
            starts[first:last] = carried
        given = [*carried, *ends[len(carried) :]]
        # How many turns a Loop took tells of its trip count and its condition.
        return [_join([taint, inputs[0], given[0]]) for taint in given[1:]] if loop else given


def _join(taints: Sequence[Taint]) -> Taint:
    """Give the taint of what is computed from all of these, or is one of them."""
    sources = frozenset[Source]().union(*(taint.sources for taint in taints))
    if _undone(taints):
        return Taint(State.RAW, sources)
    return Taint(max((taint.state for taint in taints), default=State.CLEAN), sources)


def _undone(taints: Sequence[Taint]) -> bool:
    """Whether a covered value meets the very noise that covers it, which may take the cover off again."""
    noise = [taint for taint in taints if taint.state is State.NOISE]
    return any(taint.sources & n.sources for taint in taints if taint.state >= State.NOISED for n in noise)


def _combine(operator: str, inputs: Sequence[Taint]) -> Taint:
    joined = _join(inputs)
    states = {taint.state for taint in inputs}
    if operator in SHAPES_ONLY:
        return CLEAN
    if State.NOISE not in states or _undone(inputs):
        return joined
    if operator in ADDS and joined.state >= State.NOISED:
        return Taint(State.NOISED, joined.sources)
    if operator in SCALES and joined.state is State.RAW:
        return Taint(State.NOISE, joined.sources)
    return Taint(State.RAW, joined.sources) if operator in STEPS else joined
