"""Turn a TorchScript module into one function of plain operators, for modules that PyTorch's exporter can't convert.

A loaded module holds neither the ranks of its values, which the exporter's converters ask for, nor ONNX forms of the
operators of PyTorch's transformer layers, and its code may ask about the process that it runs in. So the module is
flattened into one graph; those operators and questions are replaced; and the graph is run once on the example, to note
the rank and type of every value. What the module does with its inputs stays the same, for every size of them.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from dynanoise_export.sources.torchscript_operators import PADDING, REPLACEMENTS, padded, padding

# PyTorch's own types; its stubs leave most of their methods out.
Graph = Any
Block = Any
Node = Any
Value = Any
passes: Any = torch._C
jit: Any = torch.jit

# What code can ask about the process and about its tensors, with the answer for a model that is served. With autocast,
# PyTorch's layers leave the operators that have no ONNX form; whether that is so decides nothing else in them.
ANSWERS = {
    "aten::is_autocast_enabled": True,
    "aten::is_grad_enabled": False,
    "prim::requires_grad": False,
    "prim::is_nested": False,
    "aten::_nested_tensor_from_mask_left_aligned": False,
}
# Each round can decide branches, and so show what is within them. Real modules take up to five.
ROUNDS = 20

Notes = list[tuple[int, int, Tensor]]


def flattened(module: torch.jit.ScriptModule, tensors: Sequence[Tensor], index: int) -> Any:
    """Flatten a module into a function of its inputs that returns one of its outputs.

    Args:
        module: in evaluation mode.
        tensors: an example of its inputs; arguments beyond them keep their defaults.
        index: of the output, among all tensors that the module returns.

    Returns:
        A `torch.jit.ScriptFunction`.

    Raises:
        Exception: the module has a form that can't be flattened; PyTorch raises many kinds.
    """
    frozen = torch.jit.freeze(module, optimize_numerics=False)
    graph = frozen.graph.copy()
    _fill_attributes(graph, frozen)
    _fill_defaults(graph, module, len(tensors))
    with torch.no_grad():
        _take_output(graph, module(*tensors), index)
    _open_dictionaries(graph)
    _pad_nested(graph)
    _replace_operators(graph)
    _simplify(graph)
    graph.eraseInput(0)  # the module itself
    _note_types(graph, tensors)
    return torch._C._create_function_from_graph("forward", graph)


def _nodes(block: Graph | Block) -> Iterator[Node]:
    """Iterate over the nodes of a block and of the blocks in them; nodes may be removed and inserted meanwhile."""
    for node in list(block.nodes()):
        blocks = list(node.blocks())
        yield node
        for inner in blocks:
            yield from _nodes(inner)


def _insert(graph: Graph, at: Node, function: Callable[..., Any], arguments: Sequence[Value]) -> list[Value]:
    """Insert what a function does before a node."""
    script = torch.jit.script(function)
    passes._jit_pass_inline(script.graph)
    with graph.insert_point_guard(at):
        return list(graph.insertGraph(script.graph, list(arguments)))


def _constant(graph: Graph, at: Node, value: Any) -> Value:
    with graph.insert_point_guard(at):
        return graph.insertConstant(value)


def _replace(node: Node, values: Sequence[Value]) -> None:
    for output, value in zip(node.outputs(), values, strict=True):
        output.replaceAllUsesWith(value)
    node.destroy()


def _fill_attributes(graph: Graph, frozen: torch.jit.ScriptModule) -> None:
    """Make constants of the attributes that freezing left because they may change; an ONNX model keeps no state."""
    held: dict[str, Any] = {next(graph.inputs()).debugName(): frozen._c}
    for node in _nodes(graph):
        if node.kind() == "prim::SetAttr":
            node.destroy()
            continue
        owner = held.get(next(node.inputs()).debugName()) if node.kind() == "prim::GetAttr" else None
        if owner is None:
            continue
        attribute = owner.getattr(node.s("name"))
        if isinstance(attribute, torch._C.ScriptObject):
            held[node.output().debugName()] = attribute
        else:
            node.output().replaceAllUsesWith(_constant(graph, node, attribute))


def _fill_defaults(graph: Graph, module: torch.jit.ScriptModule, given: int) -> None:
    """Make constants of the arguments that are left out."""
    first = next(graph.nodes(), graph.return_node())
    arguments = module._c._get_method("forward").schema.arguments
    for position in range(len(arguments) - 1, given, -1):
        value = list(graph.inputs())[position]
        value.replaceAllUsesWith(_constant(graph, first, arguments[position].default_value))
        graph.eraseInput(position)


def _take_output(graph: Graph, result: Any, index: int) -> None:
    """Return one tensor only, from within tuples, lists and dictionaries."""
    leaves = [keys for keys, leaf in pytree.tree_flatten_with_path(result)[0] if isinstance(leaf, Tensor)]
    value = next(graph.outputs())
    for key in leaves[index]:
        value, result = _item(graph, value, result, key)
    graph.eraseOutput(0)
    graph.registerOutput(value)


def _item(graph: Graph, value: Value, container: Any, key: Any) -> tuple[Value, Any]:
    """Give one item of a container: its value in the graph, and the item itself."""
    of = value.type()
    match key:
        case pytree.MappingKey(name):
            kind, index, item, of = "aten::__getitem__", name, container[name], of.getValueType()
        case pytree.SequenceKey(index) if isinstance(container, list):
            kind, item, of = "aten::__getitem__", container[index], of.getElementType()
        case pytree.SequenceKey(index):
            kind, item, of = "prim::TupleIndex", container[index], of.elements()[index]
        case pytree.GetAttrKey(name):
            index = container._fields.index(name)
            kind, item, of = "prim::TupleIndex", container[index], of.elements()[index]
    end = graph.return_node()
    node = graph.create(kind, [value, _constant(graph, end, index)], 1)
    node.output().setType(of)
    with graph.insert_point_guard(end):
        graph.insertNode(node)
    return node.output(), item


def _open_dictionaries(graph: Graph) -> None:
    """Replace what is read from a dictionary by what was put into it, if its keys are constants."""
    for node in [node for node in graph.nodes() if node.kind() == "prim::DictConstruct"]:
        dictionary, given = node.output(), list(node.inputs())
        held = {key.toIValue(): value for key, value in zip(given[::2], given[1::2], strict=True)}
        users = [user for user in graph.nodes() if dictionary.debugName() in [v.debugName() for v in user.inputs()]]
        if len(users) != len(dictionary.uses()):  # a branch or a loop uses it as well
            continue
        for user in users:
            _, key, *value = user.inputs()
            if user.kind() == "aten::_set_item":
                held[key.toIValue()] = value[0]
                user.destroy()
            elif user.kind() == "aten::__getitem__" and key.toIValue() in held:
                _replace(user, [held[key.toIValue()]])


def _pad_nested(graph: Graph) -> None:
    """Let rows stay padded that the graph packs into nested tensors, and mask what is padded."""
    ignored: dict[str, Value] = {}
    for node in _nodes(graph):
        inputs = list(node.inputs())
        mask = ignored.get(inputs[0].debugName()) if inputs else None
        if node.kind() == "aten::_nested_tensor_from_mask":
            (where,) = _insert(graph, node, padding, [inputs[1]])
            ignored[inputs[0].debugName()] = where
            _replace(node, [inputs[0]])
        elif mask is not None and node.kind() == "aten::_transformer_encoder_layer_fwd":
            node.replaceInput(len(inputs) - 2, mask)
            node.replaceInput(len(inputs) - 1, _constant(graph, node, PADDING))
            ignored[node.output().debugName()] = mask
        elif mask is not None and node.kind() == "aten::to_padded_tensor":
            _replace(node, _insert(graph, node, padded, [inputs[0], mask, inputs[1]]))


def _replace_operators(graph: Graph) -> None:
    for node in _nodes(graph):
        if node.kind() in ANSWERS:
            _replace(node, [_constant(graph, node, ANSWERS[node.kind()])])
        elif node.kind() in REPLACEMENTS:
            _replace(node, _unpacked(_insert(graph, node, REPLACEMENTS[node.kind()], list(node.inputs()))))


def _unpacked(values: Sequence[Value]) -> list[Value]:
    """Give what a function returns, which is a tuple if it is more than one value."""
    made = values[0].node()
    return list(made.inputs()) if made.kind() == "prim::TupleConstruct" else list(values)


def _simplify(graph: Graph) -> None:
    """Decide the branches that depend on no input or that raise an error, and remove what is not used."""
    for node in _nodes(graph):
        if node.kind() == "prim::If":
            raising = [any(n.kind() == "prim::RaiseException" for n in block.nodes()) for block in node.blocks()]
            if raising.count(True) == 1:
                node.replaceInput(0, _constant(graph, node, not raising[0]))
        elif node.kind() in ("aten::__is__", "aten::__isnot__"):
            first, second = node.inputs()
            if _is_tensor(first) and _is_tensor(second):  # and not None
                same = first.debugName() == second.debugName()
                _replace(node, [_constant(graph, node, same == (node.kind() == "aten::__is__"))])
    passes._jit_pass_peephole(graph)
    passes._jit_pass_peephole_list_idioms(graph)
    passes._jit_pass_constant_propagation(graph)
    passes._jit_pass_dce(graph)


def _note_types(graph: Graph, tensors: Sequence[Tensor]) -> None:
    """Give every value its rank and type, and decide the branches that depend on these, until nothing changes."""
    for value, tensor in zip(graph.inputs(), tensors, strict=True):
        _set_type(value, tensor.dim(), tensor)
    before = ""
    for _ in range(ROUNDS):
        _simplify(graph)
        if (now := str(graph)) == before:
            return
        before = now
        values = _noted_values(graph)
        for index, rank, tensor in _notes(graph, tensors):
            _set_type(values[index][0], rank, tensor)


def _set_type(value: Value, rank: int, tensor: Tensor) -> None:
    """Set the rank and type of a value, without its sizes."""
    value.inferTypeFrom(tensor)
    value.setType(value.type().with_sizes([None] * rank))


def _notes(graph: Graph, tensors: Sequence[Tensor]) -> Notes:
    """Run the graph on an example: the rank and an empty tensor of the type, for the values that it computes."""
    noting = graph.copy()
    (notes,) = _insert(noting, next(noting.nodes(), noting.return_node()), _no_notes, [])
    for index, (value, at) in enumerate(_noted_values(noting)):
        _insert(noting, at, _note, [notes, _constant(noting, at, index), value])
    noting.eraseOutput(0)
    noting.registerOutput(notes)
    with torch.no_grad(), jit.optimized_execution(False):
        noted: Notes = torch._C._create_function_from_graph("noting", noting)(*tensors)
    ranks: dict[int, set[int]] = {}
    for index, rank, _ in noted:
        ranks.setdefault(index, set()).add(rank)
    return [note for note in noted if len(ranks[note[0]]) == 1]  # a loop's value may change its rank


def _no_notes() -> list[tuple[int, int, Tensor]]:
    notes: list[tuple[int, int, Tensor]] = []
    return notes


def _note(notes: list[tuple[int, int, Tensor]], index: int, value: Tensor) -> None:
    notes.append((index, value.dim(), value.new_empty([0])))


def _noted_values(block: Graph | Block) -> list[tuple[Value, Node]]:
    """List the tensors that a block and its inner blocks compute, each with the node after it."""
    whole = isinstance(block, torch._C.Graph)
    nodes = [*block.nodes(), block.return_node() if whole else block.returnNode()]
    found = [(value, nodes[0]) for value in block.inputs() if not whole and _is_tensor(value)]
    for node, following in itertools.pairwise(nodes):
        for inner in node.blocks():
            found += _noted_values(inner)
        if node.kind() != "prim::Constant":
            found += [(value, following) for value in node.outputs() if _is_tensor(value) and not _may_be_unset(value)]
    return found


def _is_tensor(value: Value) -> bool:
    return isinstance(value.type(), torch._C.TensorType)


def _may_be_unset(value: Value) -> bool:
    """Whether a branch may leave a value without content, as one that raises an error does."""
    node = value.node()
    if node.kind() != "prim::If":
        return bool(node.kind() == "prim::Uninitialized")
    position = [output.debugName() for output in node.outputs()].index(value.debugName())
    return any(_may_be_unset(list(block.outputs())[position]) for block in node.blocks())
