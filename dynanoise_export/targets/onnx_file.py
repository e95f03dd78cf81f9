"""An ONNX file as a target: nothing is run, and the weights stay on disk."""

from functools import partial
from pathlib import Path

import onnx_ir as ir
from onnx_ir.passes import common

from dynanoise_export.errors import UserError
from dynanoise_export.files import sha256
from dynanoise_export.graph import opset as opsets
from dynanoise_export.graph.attach import carries_head
from dynanoise_export.graph.files import external_files, read_model
from dynanoise_export.graph.values import value_named
from dynanoise_export.mechanism.onnx_function import OLDEST_OPSET
from dynanoise_export.targets.inputs import TensorSpec, axis_name
from dynanoise_export.targets.outputs import OutputSpec, choose_output
from dynanoise_export.targets.target import OpenOptions, Target
from dynanoise_export.targets.torch_module import settle_inputs


def open_onnx(path: Path, options: OpenOptions) -> Target:
    """Open an ONNX file, of opset 9 or later.

    Raises:
        UserError: it is damaged, carries a head, or is no classifier.
    """
    model = read_model(path)
    if carries_head(model):
        raise UserError(f"{path} carries a DynaNoise head already: export the undefended model instead.")
    inputs, example = settle_inputs(path, "an ONNX file", options, input_specs(model))
    chosen = _choose(path, model, options.logits)
    k = chosen.shape[1]
    if not isinstance(k, int):
        raise UserError(f"{path} does not say how many classes its output {chosen} has.")
    return Target(
        path=path,
        format="an ONNX file",
        sha256=sha256(path, *external_files(model)),
        inputs=tuple(inputs),
        example=example,
        output=chosen.name,
        classes=k,
        dropped=tuple(v.name or "" for v in model.graph.outputs if v.name != chosen.name),
        module=None,
        to_onnx=partial(_converted, model),
    )


def input_specs(model: ir.Model) -> tuple[TensorSpec, ...]:
    """Tell the inputs of an ONNX model; a nameless dynamic axis gets a name by its place."""
    specs = []
    for value in model.graph.inputs:
        if value.name in model.graph.initializers:
            continue
        if value.shape is None or value.dtype is None:
            raise UserError(f"The input {value.name!r} has no declared type and shape.")
        axes = [
            axis if isinstance(axis, int) else axis.value or axis_name(value.name or "", i)
            for i, axis in enumerate(value.shape)
        ]
        specs.append(TensorSpec(value.name or "", value.dtype.numpy().name, tuple(axes)))
    return tuple(specs)


def _choose(path: Path, model: ir.Model, wanted: str | None) -> OutputSpec:
    if any(value.shape is None for value in model.graph.outputs) or wanted is not None:
        common.ShapeInferencePass()(model)
    if wanted is not None:
        value = value_named(model, wanted)
        if value is None:
            outputs = ", ".join(str(_describe(v)) for v in model.graph.outputs)
            raise UserError(f"{path} has no value {wanted!r}; its outputs are {outputs}.")
        return choose_output(path, [_describe(value)], wanted)
    return choose_output(path, [_describe(value) for value in model.graph.outputs], None)


def _describe(value: ir.Value) -> OutputSpec:
    shape = () if value.shape is None else tuple(a if isinstance(a, int) else a.value for a in value.shape)
    return OutputSpec(value.name or "", value.dtype is not None and value.dtype.is_floating_point(), shape)


def _converted(model: ir.Model, opset: int | None) -> ir.Model:
    opsets.convert_up(model, max(opset or 0, OLDEST_OPSET))
    return model
