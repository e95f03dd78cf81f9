"""Find what leaves a graph without being covered by the noise.

An output may not be raw, the label, or the noise itself; `taint_walk` finds which it is. Answers that depend on the
undefended label as well are covered, and the report names them.

A defence without noise covers nothing in this sense, and neither does noise that chooses among answers: the answers are
identified by the name of their output, and every other output that depends on the query leaks. `validate` compares such
answers with the reference.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.defences.base import Defence
from dynanoise_export.defences.keep_label import NAME as KEEP_LABEL
from dynanoise_export.errors import UsageError
from dynanoise_export.graph.draws import Draw
from dynanoise_export.graph.log_output import is_log_of
from dynanoise_export.graph.provenance import Provenance
from dynanoise_export.graph.taint_walk import CLEAN, RAW, State, Taint, Walk
from dynanoise_export.graph.values import OUTPUT_NAME
from dynanoise_export.onnx_functions import DOMAIN


@dataclass(frozen=True)
class LeakReport:
    """What the walk found.

    Attributes:
        leaking: the names of the outputs that depend on the query without being covered, or that give the noise.
        defended: the names of the outputs that the defence covers.
        draws: in the order of the walk; one in a function counts for each call.
        overridable: the names of the weights that a caller may replace, because they are inputs too.
        labelled: the names of the covered outputs that depend on the undefended label as well.
        logarithms: the names of the outputs that are the logarithm of a covered output, and no more.
    """

    leaking: tuple[str, ...]
    defended: tuple[str, ...]
    draws: tuple[Draw, ...]
    overridable: tuple[str, ...]
    labelled: tuple[str, ...] = ()
    logarithms: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the model gives defended answers and nothing else."""
        return bool(self.defended) and not self.leaking and not self.overridable


def find_leaks(
    model: ir.Model, noise_inputs: Collection[str] = (), *, noise_free_answers: str | None = None
) -> LeakReport:
    """Walk the model from its inputs to its outputs.

    Args:
        model: any ONNX model; its nodes are sorted into the order in which they run.
        noise_inputs: the names of the inputs that carry standard normals instead of a query.
        noise_free_answers: the name of the output with the answers of a defence that adds no noise; None if the
            defence adds noise, or if there is none.
    """
    common.TopologicalSortPass()(model)
    walk = Walk(model)
    weights = set(model.graph.initializers)
    overridable = tuple(v.name or "" for v in model.graph.inputs if v.name in weights)
    taints = {
        value: Taint(State.NOISE, frozenset([(value,)])) if value.name in noise_inputs else RAW
        for value in model.graph.inputs
        if value.name not in weights
    }
    walk.graph(model.graph, taints)
    outputs = [(value.name or "", taints.get(value, CLEAN)) for value in model.graph.outputs]
    if len(outputs) > 1:  # the size of the answers alone is that of the queries, and whoever reads them checks it
        outputs = [(name, replace(taint, state=State.RAW) if taint.sizes else taint) for name, taint in outputs]
    defended = [name for name, taint in outputs if taint.state is State.NOISED]
    labelled = [name for name, taint in outputs if taint.state is State.NOISED and taint.label]
    if noise_free_answers is not None:
        flattened = DOMAIN not in model.opset_imports
        named = [v for v in model.graph.outputs if _is_answer(v, noise_free_answers, flattened)]
        answers = [v for v in named if taints.get(v, CLEAN).state is State.RAW]
        defended += [v.name or "" for v in answers]
        labelled += [v.name or "" for v in answers if _keeps_label(v)]
    covered = [value for value in model.graph.outputs if value.name in defended]
    logarithms = [v.name or "" for v in model.graph.outputs if any(is_log_of(v, answers) for answers in covered)]
    excused = {*defended, *logarithms}
    return LeakReport(
        leaking=tuple(n for n, taint in outputs if taint.state is not State.CLEAN and n not in excused),
        defended=tuple(name for name in defended if name not in logarithms),
        draws=tuple(walk.draws.values()),
        overridable=overridable,
        labelled=tuple(name for name in labelled if name not in logarithms),
        logarithms=tuple(logarithms),
    )


def size_origins(model: ir.Model) -> frozenset[ir.Node]:
    """Find the nodes at which numbers of the query decide a size."""
    common.TopologicalSortPass()(model)
    walk = Walk(model)
    taints = {value: RAW for value in model.graph.inputs if value.name not in model.graph.initializers}
    walk.graph(model.graph, taints)
    return frozenset[ir.Node]().union(*(taint.sizes for taint in taints.values()))


def leaks_as_stated(model: ir.Model, provenance: Provenance | None) -> LeakReport:
    """Walk a model, with the defence and the noise input that it states.

    Args:
        model: any ONNX model.
        provenance: what it states; None if it states nothing.
    """
    if provenance is None:
        return find_leaks(model)
    try:
        covers = covers_by_noise(provenance.made_defence())
    except UsageError:  # the defence is not installed here, so no output is excused
        covers = True
    noise_inputs = [provenance.noise_input] if provenance.noise_input else []
    return find_leaks(model, noise_inputs, noise_free_answers=None if covers else OUTPUT_NAME)


def covers_by_noise(defence: Defence) -> bool:
    """Whether the walk can see that a defence covers its answers: its noise is added to them."""
    return defence.takes_noise and defence.adds_noise


def _is_answer(output: ir.Value, name: str, flattened: bool) -> bool:
    """Whether an output has the answers of a defence without noise, whose function makes them unless flattened."""
    node = output.producer()
    return output.name == name and node is not None and (flattened or node.domain == DOMAIN)


def _keeps_label(answers: ir.Value) -> bool:
    """Whether the function that keeps the label made the answers; without noise the walk can't tell."""
    node = answers.producer()
    return node is not None and node.domain == DOMAIN and node.op_type == KEEP_LABEL
