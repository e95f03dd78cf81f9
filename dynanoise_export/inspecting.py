"""Inspect an ONNX file: its inputs and outputs, its defence, its leaks and its provenance."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import onnx_ir as ir

from dynanoise_export.files import sha256
from dynanoise_export.graph.content_digest import content_sha256
from dynanoise_export.graph.defence_form import Compared, UnknownFormError, as_provenance_states, compare_defence
from dynanoise_export.graph.guard_form import compare_guard
from dynanoise_export.graph.hidden_channels import NotableOperator, notable_operators
from dynanoise_export.graph.leaks import LeakReport, leaks_as_stated
from dynanoise_export.graph.map_types import other_type
from dynanoise_export.graph.model_files import external_files, read_model
from dynanoise_export.graph.provenance import Provenance, provenance_of, read_provenance
from dynanoise_export.onnx_functions import DOMAIN
from dynanoise_export.records import reading
from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor


@dataclass(frozen=True)
class DefenceNode:
    """A node of the graph that calls a function of the domain `ai.dynanoise`.

    Attributes:
        function: the name of the function.
        node: the name of the node.
        attributes: the parameters, as the graph states them.
    """

    function: str
    node: str
    attributes: dict[str, float]


UNSEEN = "only ONNX Runtime reads the graph of this file, so inspect the ONNX file that it was made from"


class Form(StrEnum):
    """Whether there is nothing but the stated defence between the logits and the answers, and the stated guard."""

    AS_STATED = "as-stated"
    DIFFERENT = "different"
    NOT_COMPARED = "not-compared"


@dataclass(frozen=True)
class Inspection:
    """What `inspect` found in a file.

    Attributes:
        path: of the file.
        sha256: of the file and its external data.
        content_sha256: of its content, which stays the same if another tool saves it again; None if it was not seen.
        size: of the file, in bytes, external data included.
        ir_version: of the format.
        producer: the tool that wrote the undefended model, as the file states.
        opsets: the version of each domain of operators.
        inputs: the type of each input by its name.
        outputs: the type of each output by its name.
        operators: how many nodes the main graph has.
        functions: the model-local functions, as domain::name.
        defence_nodes: the nodes that call functions of `ai.dynanoise`; empty for a flattened file.
        leaks: what the taint walk found.
        provenance: what the file states about how it was made, or None.
        form: whether there is nothing but the stated defence between the logits and the answers, and whether the
            inputs go through the stated guard alone. Without the key, of the tables of keyed noise only the shapes are
            compared.
        form_detail: where it differs, or why it was not compared; without a full stop.
        notable: operators before the defence that could hide a channel of the model's author.
        graph_seen: whether the graph could be read; that of a file in ONNX Runtime's own format can't, and then nothing
            is known about leaks.
    """

    path: Path
    sha256: str
    content_sha256: str | None
    size: int
    ir_version: int
    producer: str
    opsets: dict[str, int]
    inputs: dict[str, str]
    outputs: dict[str, str]
    operators: int
    functions: tuple[str, ...]
    defence_nodes: tuple[DefenceNode, ...]
    leaks: LeakReport
    provenance: Provenance | None
    form: Form
    form_detail: str
    notable: tuple[NotableOperator, ...]
    graph_seen: bool = True

    @property
    def passed(self) -> bool:
        """Whether the file gives defended answers and nothing else."""
        return self.leaks.passed and self.form is not Form.DIFFERENT


def inspect(model: str | Path) -> Inspection:
    """Look into an ONNX file, defended or not.

    Args:
        model: the path of the file.

    Raises:
        UserError: it is not an ONNX model, or damaged.
    """
    path = Path(model)
    if path.suffix.lower() == ".ort":
        return _inspect_ort(path)
    graph = read_model(path)
    with reading(path, "an ONNX model"):  # a weight may not hold what it claims
        digest = content_sha256(graph)
    files = [path, *external_files(graph)]
    provenance = read_provenance(graph)
    form, detail, notable = _form(graph, provenance)
    return Inspection(
        path=path,
        sha256=sha256(*files),
        content_sha256=digest,
        size=sum(file.stat().st_size for file in files),
        ir_version=graph.ir_version,
        producer=f"{graph.producer_name or ''} {graph.producer_version or ''}".strip(),
        opsets={domain or "ai.onnx": version for domain, version in graph.opset_imports.items()},
        inputs={v.name or "": _type(v) for v in graph.graph.inputs if v.name not in graph.graph.initializers},
        outputs={v.name or "": _type(v) for v in graph.graph.outputs},
        operators=len(graph.graph),
        functions=tuple(f"{function.domain}::{function.name}" for function in graph.functions.values()),
        defence_nodes=tuple(_defence_nodes(graph)),
        leaks=leaks_as_stated(graph, provenance),
        provenance=provenance,
        form=form,
        form_detail=detail,
        notable=notable,
    )


def _inspect_ort(path: Path) -> Inspection:
    """Look into a file in ONNX Runtime's own format, as far as the runtime tells what is in it."""
    digest = sha256(path)
    with OnnxRuntimePredictor(path) as predictor:
        session = predictor.session
        provenance = provenance_of(session.get_modelmeta().custom_metadata_map)
        inputs = {value.name: _type_of(value) for value in session.get_inputs()}
        outputs = {value.name: _type_of(value) for value in session.get_outputs()}
        producer = session.get_modelmeta().producer_name
    return Inspection(
        path=path,
        sha256=digest,
        content_sha256=None,
        size=path.stat().st_size,
        ir_version=0,
        producer=producer,
        opsets={},
        inputs=inputs,
        outputs=outputs,
        operators=0,
        functions=(),
        defence_nodes=(),
        leaks=LeakReport((), (), (), ()),
        provenance=provenance,
        form=Form.NOT_COMPARED,
        form_detail=UNSEEN,
        notable=(),
        graph_seen=False,
    )


def _type_of(value: Any) -> str:
    """Describe an input or output of a session as `inspect` describes those of a graph."""
    kind = value.type.removeprefix("tensor(").removesuffix(")")
    return f"{kind}[{', '.join(map(str, value.shape))}]"


def _form(model: ir.Model, stated: Provenance | None) -> tuple[Form, str, tuple[NotableOperator, ...]]:
    """Compare the defence with the stated one, and list what to look at before it."""
    if stated is None or not model.graph.outputs:
        return Form.NOT_COMPARED, "it does not state how it was made", notable_operators(model)
    answers = model.graph.outputs[0].name or ""
    try:
        found, difference = _compared(model, answers, stated)
    except UnknownFormError as unknown:
        return Form.NOT_COMPARED, str(unknown), notable_operators(model)
    form = Form.AS_STATED if difference is None else Form.DIFFERENT
    return form, difference or "", notable_operators(found.model, found.scores)


def _compared(model: ir.Model, answers: str, stated: Provenance) -> tuple[Compared, str | None]:
    """Compare the defence and the guard with the stated ones, and say where one of them differs.

    A guard compares the inputs with constants, so that it is taken out before one looks at what else does.
    """
    defence = as_provenance_states(model, answers, stated)
    guard = None if stated.guard is None else compare_guard(model, stated.guard)
    found = compare_defence(model if guard is None else guard.without, answers, defence)
    return found, found.difference or (None if guard is None else guard.difference)


def _defence_nodes(model: ir.Model) -> list[DefenceNode]:
    nodes = [node for node in model.graph.all_nodes() if node.domain == DOMAIN]
    return [
        DefenceNode(node.op_type, node.name or "", {name: a.value for name, a in node.attributes.items()})
        for node in nodes
    ]


def _type(value: ir.Value) -> str:
    if (kind := other_type(value)) is not None:
        return kind
    dtype = "?" if value.dtype is None else value.dtype.name.lower()
    if value.shape is None:
        return f"{dtype}[?]"
    axes = (str(axis) if isinstance(axis, int) else axis.value or "?" for axis in value.shape)
    return f"{dtype}[{', '.join(axes)}]"
