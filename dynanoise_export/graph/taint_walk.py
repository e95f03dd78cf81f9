"""The taint walk: how much each value of a graph reveals about the query.

Each value has one of five states. Inputs are raw, and what is computed from a raw value stays raw until noise is added
to it. The sum is noised, and what is computed from it stays noised, unless it meets the same noise again. The position
of the largest of raw values is the label, which may meet noised values.

The walk follows local functions and the subgraphs of If, Loop and Scan, so it judges a defence by what it computes,
whether that is one node or many. It sees how values are connected, not how large the noise is: `validate` tests that.

A value has a size as well, and a size that the query's numbers decide tells something of them. So each value also has
the nodes that made its size depend on the query, and what counts such a size is raw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

import onnx_ir as ir

from dynanoise_export.graph.draws import RANDOM, RANDOM_LIKE, Draw, DrawKind, looks_up_a_hash
from dynanoise_export.graph.value_sizes import SHAPES_ONLY, counts, sized_by_numbers, sized_by_sizes

ADDS = {"Add", "Sub", "Sum"}
SCALES = {"Mul", "Div"}
# Noise cut into steps is a mask, as in dropout, and does not cover what it is multiplied with.
STEPS = {"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Floor"}
LOOPS = {"Loop", "Scan", "SequenceMap"}

# One draw at run time: the calls of functions that lead to it, and the node of the draw or the noise input.
Source = tuple[ir.Node | ir.Value, ...]


class State(IntEnum):
    """What a value reveals about the query, from nothing to everything."""

    CLEAN = 0
    NOISE = 1
    LABEL = 2
    NOISED = 3
    RAW = 4


@dataclass(frozen=True)
class Taint:
    """What a value reveals.

    Attributes:
        state: of its numbers.
        sources: the draws that it depends on.
        label: whether it depends on an undefended label.
        sizes: the nodes at which numbers of the query decided a size that its own size depends on.
    """

    state: State
    sources: frozenset[Source] = frozenset()
    label: bool = False
    sizes: frozenset[ir.Node] = frozenset()

    @property
    def tells_in_size(self) -> bool:
        """Whether a size that these numbers decide tells something that no noise covers."""
        return self.state not in (State.CLEAN, State.NOISED)


CLEAN = Taint(State.CLEAN)
RAW = Taint(State.RAW)


@dataclass
class Walk:
    """One walk through a model.

    Attributes:
        model: in which the functions are looked up.
        draws: those met so far; one in a function counts for each call.
        calls: of functions that lead to the current node.
    """

    model: ir.Model
    draws: dict[Source, Draw] = field(default_factory=dict)
    calls: Source = ()

    def graph(self, graph: ir.Graph | ir.Function, taints: dict[ir.Value, Taint]) -> None:
        """Add a taint for every value of a graph; `taints` holds those of its inputs and of the graphs around it."""
        for node in graph:
            for value, taint in zip(node.outputs, self._node(node, taints), strict=False):
                taints[value] = taint

    def _node(self, node: ir.Node, taints: dict[ir.Value, Taint]) -> Sequence[Taint]:
        inputs = [CLEAN if value is None else taints.get(value, CLEAN) for value in node.inputs]
        function = self.model.functions.get(node.op_identifier())
        if function is not None:
            return self._call(node, function, inputs)
        operator = node.op_type if node.domain == "" else ""
        bodies = [a.as_graph() for a in node.attributes.values() if a.type == ir.AttributeType.GRAPH]
        if operator == "If":
            return self._branches(node, bodies, inputs, taints)
        if operator in LOOPS and len(bodies) == 1:
            return self._loop(node, bodies[0], inputs, taints)
        if bodies:
            return [RAW] * len(node.outputs)
        if operator in RANDOM:
            return [self._random_draw(node, inputs)]
        if looks_up_a_hash(node) and inputs[0].state is State.CLEAN:
            return [self._keyed_draw(node, inputs)]
        return [replace(_combine(node, operator, inputs), sizes=_sizes(node, inputs))] * len(node.outputs)

    def _random_draw(self, node: ir.Node, inputs: Sequence[Taint]) -> Taint:
        live = node.op_type in RANDOM_LIKE and join(inputs).state >= State.LABEL
        seeded = "seed" in node.attributes
        draw = Draw(self._name(node), DrawKind.RANDOM, node.op_type, seeded, live)
        return self._draw(node, draw, _sizes(node, inputs))

    def _keyed_draw(self, node: ir.Node, inputs: Sequence[Taint]) -> Taint:
        live = inputs[1].state >= State.LABEL
        draw = Draw(self._name(node), DrawKind.KEYED, node.op_type, False, live)
        return self._draw(node, draw, _sizes(node, inputs))

    def _name(self, node: ir.Node) -> str:
        """Name a draw: a node in a function by the innermost call that has a name."""
        return next((call.name for call in reversed(self.calls) if call.name), node.name) or ""

    def _draw(self, node: ir.Node, draw: Draw, sizes: frozenset[ir.Node]) -> Taint:
        source = (*self.calls, node)
        self.draws[source] = draw
        return Taint(State.NOISE, frozenset([source]), sizes=sizes)

    def _call(self, node: ir.Node, function: ir.Function, inputs: Sequence[Taint]) -> Sequence[Taint]:
        taints = dict(zip(function.inputs, inputs, strict=False))
        outer, self.calls = self.calls, (*self.calls, node)
        self.graph(function, taints)
        self.calls = outer
        return [taints.get(value, CLEAN) for value in function.outputs]

    def _branches(
        self, node: ir.Node, bodies: Sequence[ir.Graph], inputs: Sequence[Taint], outer: Mapping[ir.Value, Taint]
    ) -> Sequence[Taint]:
        # Which branch ran reveals the condition, so an output and its size reveal at least as much.
        ends = []
        for body in bodies:
            taints = dict(outer)
            self.graph(body, taints)
            ends.append([taints.get(value, CLEAN) for value in body.outputs])
        return [_decided(node, inputs, join([*inputs, *pair])) for pair in zip(*ends, strict=False)]

    def _loop(
        self, node: ir.Node, body: ir.Graph, inputs: Sequence[Taint], outer: Mapping[ir.Value, Taint]
    ) -> Sequence[Taint]:
        """Walk the body of a Loop or Scan until no taint grows: the next turn may read what one turn computed."""
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
            ends = [join([end, taints.get(value, CLEAN)]) for end, value in zip(ends, body.outputs, strict=True)]
            # With no turn at all, the carried values come out as they went in.
            carried = [join(pair) for pair in zip(starts[first:last], ends, strict=False)]
            if carried == starts[first:last]:
                break
            starts[first:last] = carried
        results = [*carried, *ends[len(carried) :]]
        # How many turns a Loop took reveals its trip count and its condition.
        turns = [inputs[0], results[0]]
        return [_decided(node, turns, join([taint, *turns])) for taint in results[1:]] if loop else results


def join(taints: Sequence[Taint]) -> Taint:
    """Give the taint of a value that is computed from all of these, or is one of them."""
    sources = frozenset[Source]().union(*(taint.sources for taint in taints))
    sizes = frozenset[ir.Node]().union(*(taint.sizes for taint in taints))
    label = any(taint.label for taint in taints)
    if _undone(taints):
        return Taint(State.RAW, sources, label, sizes)
    return Taint(max((taint.state for taint in taints), default=State.CLEAN), sources, label, sizes)


def _decided(node: ir.Node, deciding: Sequence[Taint], taint: Taint) -> Taint:
    """Add a node to what the size of its result depends on, if these values decide it and tell something."""
    telling = any(one.tells_in_size for one in deciding)
    return replace(taint, sizes=taint.sizes | {node}) if telling else taint


def _sizes(node: ir.Node, inputs: Sequence[Taint]) -> frozenset[ir.Node]:
    """Find what the size of a node's results depends on."""
    sizes = frozenset[ir.Node]().union(*(inputs[index].sizes for index in sized_by_sizes(node)))
    telling = any(inputs[index].tells_in_size for index in sized_by_numbers(node))
    return sizes | {node} if telling else sizes


def _undone(taints: Sequence[Taint]) -> bool:
    """Whether a noised value meets the same noise that covers it, which may take the noise off again."""
    noise = [taint for taint in taints if taint.state is State.NOISE]
    return any(taint.sources & n.sources for taint in taints if taint.state >= State.NOISED for n in noise)


def _counted(node: ir.Node, inputs: Sequence[Taint]) -> Sequence[Taint]:
    """Make raw what tells nothing but its size, if the node counts it, or brings it together with another size."""
    quiet = (State.CLEAN, State.NOISE)
    if counts(node):
        return [replace(t, state=State.RAW) if t.sizes and t.state in quiet else t for t in inputs]
    # Numbers that are not from the query, and noise of a known size, take the size of what they are combined with.
    met = [inputs[index] for index in sized_by_sizes(node)]
    different = {t.sizes for t in met if t.sizes or t.state not in quiet}
    if len(different) > 1 and any(t.state in (State.NOISE, State.NOISED) for t in met):
        return [replace(t, state=State.RAW) if t.sizes else t for t in inputs]
    return inputs


def _combine(node: ir.Node, operator: str, inputs: Sequence[Taint]) -> Taint:
    if operator in SHAPES_ONLY:
        told = join(inputs)
        return replace(told, state=State.RAW, label=False) if told.sizes else CLEAN
    inputs = _counted(node, inputs)
    joined = join(inputs)
    states = {taint.state for taint in inputs}
    if operator == "ArgMax" and joined.state is State.RAW and not joined.sources:
        return Taint(State.LABEL, label=True)
    if State.NOISE not in states or _undone(inputs):
        return joined
    if operator in ADDS and joined.state >= State.LABEL:
        return Taint(State.NOISED, joined.sources)
    if operator in SCALES and joined.state in (State.LABEL, State.RAW):
        return replace(joined, state=State.NOISE)
    return replace(joined, state=State.RAW) if operator in STEPS else joined
