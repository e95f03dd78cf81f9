"""A PyTorch module as a target: run it once, see what it gives, and export it to ONNX."""

import inspect
import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from onnx_ir.passes import common
from torch.utils import _pytree as pytree

from dynanoise_export.errors import UserError
from dynanoise_export.targets.inputs import Arrays, TensorSpec, draw, fitted, read_example, specs_of
from dynanoise_export.targets.outputs import OutputSpec, choose_output
from dynanoise_export.targets.target import OpenOptions, Target

LONGEST_REASON = 300

# Path, module, inputs, example, names of the outputs in order, the one that matters, opset: to an ONNX model.
Conversion = Callable[[Path, Any, Sequence[TensorSpec], Arrays, Sequence[str], str, int | None], ir.Model]


def module_target(
    path: Path,
    kind: str,
    digest: str,
    module: torch.nn.Module,
    specs: Sequence[TensorSpec],
    options: OpenOptions,
    example: Arrays | None = None,
    convert: Conversion | None = None,
) -> Target:
    """Make a target of a module.

    Args:
        path: the user's file.
        kind: what it was found to be.
        digest: its sha256.
        module: put into evaluation mode here.
        specs: the inputs, as far as the file says them; the user's own word comes first.
        options: what the user says.
        example: values that fit the inputs as the file says them, if made-up ones might not.
        convert: makes the ONNX model, where PyTorch's newer exporter can't.

    Raises:
        UserError: the inputs are not known, the module does not run on them, or its output is no classifier's.
    """
    for weight in module.eval().parameters():  # TorchScript has no requires_grad_ for a whole module
        weight.requires_grad_(False)
    specs, example = settle_inputs(path, kind, options, specs or _specs_of_module(module), example)
    outputs = run_module(path, module, example)
    chosen = choose_output(path, [describe(name, tensor) for name, tensor in outputs.items()], options.logits)
    _require_any_batch(path, module, specs, example, chosen.name)
    return Target(
        path=path,
        format=kind,
        sha256=digest,
        inputs=tuple(specs),
        example=example,
        output=chosen.name,
        classes=int(outputs[chosen.name].shape[1]),
        dropped=tuple(name for name in outputs if name != chosen.name),
        module=module,
        to_onnx=partial(convert or _export, path, module, tuple(specs), example, tuple(outputs), chosen.name),
    )


def settle_inputs(
    path: Path, kind: str, options: OpenOptions, specs: Sequence[TensorSpec], fitting: Arrays | None = None
) -> tuple[Sequence[TensorSpec], Arrays]:
    """Settle what the inputs are and values for them: the user's word, then the file's.

    Raises:
        UserError: neither says it, or the two words of the user disagree.
    """
    specs = options.inputs or specs
    if options.example is not None:
        example = read_example(options.example)
        specs = specs if specs else specs_of(example)
        return specs, fitted(options.example, example, specs)
    if not specs:
        raise UserError(
            f"{path} is {kind}, which does not say its inputs: give them with --input x:batch,3,32,32 "
            "or an example with --example rows.npz."
        )
    return specs, fitting if fitting and not options.inputs else draw(specs)


def run_module(path: Path, module: torch.nn.Module, example: Arrays) -> dict[str, torch.Tensor]:
    """Run a module once and name its outputs.

    Raises:
        UserError: the module does not take the example, or gives no tensor.
    """
    args, kwargs = _bind(module, {name: torch.from_numpy(np.array(array)) for name, array in example.items()})
    try:
        with torch.no_grad():
            result = module(*args, **kwargs)
    except Exception as error:  # a user's own code raises whatever it likes
        shapes = ", ".join(f"{name} {list(array.shape)} {array.dtype}" for name, array in example.items())
        raise UserError(f"{path} does not run on inputs of {shapes}: {first_line(error)}") from error
    outputs = named_outputs(result)
    if not outputs:
        raise UserError(f"{path} gives {type(result).__name__} and no tensor, so it can't be a classifier.")
    return outputs


def named_outputs(result: Any) -> dict[str, torch.Tensor]:
    """Name the tensors that a module gives: by key or field, by place, or "output" for a lone one."""
    if isinstance(result, torch.Tensor):
        return {"output": result}
    leaves, _ = pytree.tree_flatten_with_path(result)
    return {_spell(keys): leaf for keys, leaf in leaves if isinstance(leaf, torch.Tensor)}


def _require_any_batch(
    path: Path, module: torch.nn.Module, specs: Sequence[TensorSpec], example: Arrays, output: str
) -> None:
    """Try one row more: a trace may have the batch of its example built in, and gives wrong answers or none then."""
    batched = [spec.name for spec in specs if spec.shape and isinstance(spec.shape[0], str)]
    if not batched:
        return
    larger = {name: np.concatenate([a, a[:1]]) if name in batched else a for name, a in example.items()}
    rows = len(example[batched[0]])
    try:
        if len(run_module(path, module, larger)[output]) == rows + 1:
            return
    except UserError:
        pass
    raise fixed_axis(path, specs, next(str(spec.shape[0]) for spec in specs if spec.name in batched), rows)


def fixed_axis(path: Path, specs: Sequence[TensorSpec], axis: str, size: int) -> UserError:
    """Say that a model's code settles on one size for an axis that should be dynamic."""
    shapes = " ".join(
        f"--input {replace(spec, shape=tuple(size if a == axis else a for a in spec.shape))}" for spec in specs
    )
    return UserError(
        f"{path} works with a {axis} of {size} and no other, so say the sizes that its code fixes: {shapes}."
    )


def describe(name: str, tensor: torch.Tensor) -> OutputSpec:
    """Describe an output for the choice of the logits."""
    return OutputSpec(name, tensor.is_floating_point(), ("batch", *tensor.shape[1:]) if tensor.ndim else ())


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the exporter's own news (a missing torchvision, its deprecations, its graphs) off the user's terminal."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _export(
    path: Path,
    module: torch.nn.Module,
    specs: Sequence[TensorSpec],
    example: Arrays,
    outputs: Sequence[str],
    output: str,
    opset: int | None,
) -> ir.Model:
    tensors = {spec.name: torch.from_numpy(np.array(example[spec.name])) for spec in specs}
    args, kwargs = _bind(module, tensors)
    axes = {spec.name: _dynamic_axes(spec) for spec in specs}
    try:
        with quiet():
            program = torch.onnx.export(
                module,
                args,
                kwargs=kwargs,
                dynamo=True,
                opset_version=opset,
                input_names=[spec.name for spec in specs],
                output_names=list(outputs),
                dynamic_shapes=axes if kwargs else tuple(axes.values()),
                verbose=False,
            )
    except Exception as error:  # the exporter runs the user's own code
        raise export_failure(path, error) from error
    if program is None:
        raise AssertionError("the exporter gave no program")
    _require_dynamic(path, program.model, specs)
    return without_traces(program.model)


def export_failure(path: Path, error: BaseException) -> UserError:
    """Say why an exporter gave up, by the exception that began it."""
    while error.__cause__ is not None:
        error = error.__cause__
    reason = first_line(error)
    if "data-dependent" in reason:
        reason = "its code branches on the values of a tensor; save it as TorchScript, with torch.jit.script"
    return UserError(f"PyTorch can't export {path} to ONNX: {reason}")


def _require_dynamic(path: Path, model: ir.Model, specs: Sequence[TensorSpec]) -> None:
    """Refuse a model with an axis that was to be dynamic: the exporter fixes one without a word if it must."""
    shapes = {value.name: value.shape for value in model.graph.inputs}
    for spec in specs:
        for asked, made in zip(spec.shape, shapes.get(spec.name) or (), strict=False):
            if isinstance(asked, str) and isinstance(made, int):
                raise fixed_axis(path, specs, asked, made)


def without_traces(model: ir.Model) -> ir.Model:
    """Take out what the exporter notes at each node: stack traces, with the paths of the user's machine."""
    common.ClearMetadataAndDocStringPass()(model)
    return model


def _dynamic_axes(spec: TensorSpec) -> dict[int, torch.export.Dim]:
    return {axis: torch.export.Dim(size) for axis, size in enumerate(spec.shape) if isinstance(size, str)}


def _bind(
    module: torch.nn.Module, tensors: dict[str, torch.Tensor]
) -> tuple[tuple[torch.Tensor, ...], dict[str, torch.Tensor]]:
    """Pass the tensors by name where `forward` has all the names, and in their order elsewhere."""
    if isinstance(module, torch.jit.ScriptModule):
        return tuple(tensors.values()), {}
    if set(tensors) <= set(inspect.signature(module.forward).parameters):
        return (), tensors
    return tuple(tensors.values()), {}


def _specs_of_module(module: torch.nn.Module) -> tuple[TensorSpec, ...]:
    """Ask the module itself: Lightning's modules carry an example, timm's the size of their image."""
    if isinstance(module, torch.jit.ScriptModule):
        return ()
    forward = inspect.signature(module.forward).parameters
    first = next(iter(forward), "x")
    if isinstance(example := getattr(module, "example_input_array", None), torch.Tensor):
        return specs_of({first: example.numpy(force=True)})
    for attribute in ("pretrained_cfg", "default_cfg"):
        config: Any = getattr(module, attribute, None)
        if isinstance(config, dict) and "input_size" in config:
            return (TensorSpec(first, "float32", ("batch", *config["input_size"])),)
    return ()


def _spell(keys: Sequence[Any]) -> str:
    parts: list[str] = []
    for key in keys:
        part = getattr(key, "key", getattr(key, "idx", getattr(key, "name", key)))
        parts.append(f"output_{part}" if isinstance(part, int) and not parts else str(part))
    return ".".join(parts)


def first_line(error: BaseException) -> str:
    """Give the first sentence of what an exception says, not all of a long one, or its name where it says nothing."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    sentence = re.split(r"\.\s+(?=[A-Z])", line)[0]
    return sentence if len(sentence) <= LONGEST_REASON else f"{sentence[:LONGEST_REASON]}…"
