"""The taint walk, which finds what leaves the graph and is not covered by the noise.

Each value has one of five states. What a client sends in is raw, and what is computed from it stays raw until
noise is added to it; from there on it is noised, unless it meets the same noise again. The label, which is the place
of the largest of raw values, may meet what is noised, and the report says so. An output must be none of raw, the label
and the noise itself. The walk goes through local functions and through the subgraphs of If, Loop and Scan, so
a head is judged by what it does, whether it is one node or flattened into many. It sees how values are wired, not
how large the noise is: that is for `validate`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

import onnx_ir as ir
from onnx_ir.passes import common


class State(IntEnum):
    """What a value tells about the query, from nothing to all."""

    CLEAN = 0
    NOISE = 1
    LABEL = 2
    NOISED = 3
    RAW = 4


@dataclass(frozen=True)
class Draw:
    """One source of noise in the graph: a random operator, or a row of a table that a hash of the query tells.

    Attributes:
        name: of the node.
        operator: `RandomNormalLike` for the random noise of a head, `KEYED` for keyed noise.
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
        labelled: the names of the outputs that the noise covers and that the undefended label has a part in.
    """

    leaks: tuple[str, ...]
    noised: tuple[str, ...]
    draws: tuple[Draw, ...]
    overridable: tuple[str, ...]
    labelled: tuple[str, ...] = ()

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
    outputs = [(value.name or "", taints.get(value, CLEAN)) for value in model.graph.outputs]
    return LeakReport(
        leaks=tuple(name for name, taint in outputs if taint.state not in (State.CLEAN, State.NOISED)),
        noised=tuple(name for name, taint in outputs if taint.state is State.NOISED),
        draws=tuple(walk.draws.values()),
        overridable=overridable,
        labelled=tuple(name for name, taint in outputs if taint.state is State.NOISED and taint.label),
    )


RANDOM_LIKE = {"RandomNormalLike", "RandomUniformLike"}
RANDOM = RANDOM_LIKE | {"RandomNormal", "RandomUniform"}
SHAPES_ONLY = {"Shape", "Size"}
ADDS = {"Add", "Sub", "Sum"}
SCALES = {"Mul", "Div"}
# Noise cut into steps is a mask, as dropout's is, and no cover for what it is multiplied with.
STEPS = {"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Floor"}
# What keyed noise is called among the draws.
KEYED = "keyed hash"
TURNS = {"Loop", "Scan", "SequenceMap"}

# One draw at run time: the calls of functions that lead to it, and the random operator or the noise input.
Source = tuple[ir.Node | ir.Value, ...]


@dataclass(frozen=True)
class Taint:
    """The state of a value, the draws that took part in it, and whether an undefended label did."""

    state: State
    sources: frozenset[Source] = frozenset()
    label: bool = False


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
        if looks_up_a_hash(node) and inputs[0].state is State.CLEAN:
            return [self.keyed(node, inputs)]
        return [_combine(operator, inputs)] * len(node.outputs)

    def draw(self, node: ir.Node, inputs: Sequence[Taint]) -> Taint:
        live = node.op_type in RANDOM_LIKE and _join(inputs).state >= State.LABEL
        return self.source(node, Draw(node.name or "", node.op_type, "seed" in node.attributes, live))

    def keyed(self, node: ir.Node, inputs: Sequence[Taint]) -> Taint:
        name = next((call.name for call in reversed(self.calls) if call.name), node.name)
        return self.source(node, Draw(name or "", KEYED, seeded=False, live=inputs[1].state >= State.LABEL))

    def source(self, node: ir.Node, draw: Draw) -> Taint:
        source = (*self.calls, node)
        self.draws[source] = draw
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


def looks_up_a_hash(node: ir.Node) -> bool:
    """Whether a Gather takes its rows by the sum of looked-up numbers modulo another, as keyed noise does.

    An embedding takes them by what a client sends; nothing but a hash of many cells is looked up like this.
    """
    if node.op_type != "Gather" or node.domain:
        return False
    for operator in ("Mod", "ReduceSum", "Gather"):
        value = node.inputs[1 if node.op_type == "Gather" else 0]
        producer = None if value is None else value.producer()
        if producer is None or producer.op_type != operator or producer.domain:
            return False
        node = producer
    return True


def _join(taints: Sequence[Taint]) -> Taint:
    """Give the taint of what is computed from all of these, or is one of them."""
    sources = frozenset[Source]().union(*(taint.sources for taint in taints))
    label = any(taint.label for taint in taints)
    if _undone(taints):
        return Taint(State.RAW, sources, label)
    return Taint(max((taint.state for taint in taints), default=State.CLEAN), sources, label)


def _undone(taints: Sequence[Taint]) -> bool:
    """Whether a covered value meets the very noise that covers it, which may take the cover off again."""
    noise = [taint for taint in taints if taint.state is State.NOISE]
    return any(taint.sources & n.sources for taint in taints if taint.state >= State.NOISED for n in noise)


def _combine(operator: str, inputs: Sequence[Taint]) -> Taint:
    joined = _join(inputs)
    states = {taint.state for taint in inputs}
    if operator in SHAPES_ONLY:
        return CLEAN
    if operator == "ArgMax" and joined.state is State.RAW and not joined.sources:
        return Taint(State.LABEL, label=True)
    if State.NOISE not in states or _undone(inputs):
        return joined
    if operator in ADDS and joined.state >= State.LABEL:
        return Taint(State.NOISED, joined.sources)
    if operator in SCALES and joined.state in (State.LABEL, State.RAW):
        return replace(joined, state=State.NOISE)
    return replace(joined, state=State.RAW) if operator in STEPS else joined
