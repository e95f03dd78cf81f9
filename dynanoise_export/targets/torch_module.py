"""A PyTorch module as a target: run it once, see what it gives, and export it to ONNX."""

import inspect
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from onnx_ir.passes import common
from torch.utils import _pytree as pytree

from dynanoise_export.errors import UserError
from dynanoise_export.targets.inputs import Arrays, TensorSpec, draw, read_example, specs_of
from dynanoise_export.targets.outputs import OutputSpec, choose_output
from dynanoise_export.targets.target import OpenOptions, Target


def module_target(
    path: Path,
    kind: str,
    digest: str,
    module: torch.nn.Module,
    specs: Sequence[TensorSpec],
    options: OpenOptions,
) -> Target:
    """Make a target of a module.

    Args:
        path: the user's file.
        kind: what it was found to be.
        digest: its sha256.
        module: put into evaluation mode here.
        specs: the inputs, as far as the file says them; the user's own word comes first.
        options: what the user says.

    Raises:
        UserError: the inputs are not known, the module does not run on them, or its output is no classifier's.
    """
    module.eval().requires_grad_(False)
    specs, example = settle_inputs(path, kind, options, specs or _specs_of_module(module))
    outputs = run_module(path, module, example)
    chosen = choose_output([describe(name, tensor) for name, tensor in outputs.items()], options.logits)
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
        to_onnx=partial(_export, path, module, tuple(specs), example, tuple(outputs)),
    )


def settle_inputs(
    path: Path, kind: str, options: OpenOptions, specs: Sequence[TensorSpec]
) -> tuple[Sequence[TensorSpec], Arrays]:
    """Settle what the inputs are and values for them: the user's word, then the file's.

    Raises:
        UserError: neither says it, or the two words of the user disagree.
    """
    specs = options.inputs or specs
    if options.example is not None:
        example = read_example(options.example)
        specs = specs if specs else specs_of(example)
        missing = [spec.name for spec in specs if spec.name not in example]
        if missing:
            raise UserError(
                f"{options.example} has no array for the input {missing[0]!r}; it has {', '.join(example)}."
            )
        return specs, {spec.name: example[spec.name].astype(spec.dtype) for spec in specs}
    if not specs:
        raise UserError(
            f"{path} is {kind}, which does not say its inputs: give them with --input x:batch,3,32,32 "
            "or an example with --example rows.npz."
        )
    return specs, draw(specs)


def run_module(path: Path, module: torch.nn.Module, example: Arrays) -> dict[str, torch.Tensor]:
    """Run a module once and name its outputs: by key or field, by place, or "output" for a lone tensor.

    Raises:
        UserError: the module does not take the example, or gives no tensor.
    """
    args, kwargs = _bind(module, {name: torch.from_numpy(np.array(array)) for name, array in example.items()})
    try:
        with torch.no_grad():
            result = module(*args, **kwargs)
    except Exception as error:  # a user's own code raises whatever it likes
        shapes = ", ".join(f"{name} {list(array.shape)} {array.dtype}" for name, array in example.items())
        raise UserError(f"{path} does not run on inputs of {shapes}: {_first_line(error)}") from error
    if isinstance(result, torch.Tensor):
        return {"output": result}
    leaves, _ = pytree.tree_flatten_with_path(result)
    outputs = {_spell(keys): leaf for keys, leaf in leaves if isinstance(leaf, torch.Tensor)}
    if not outputs:
        raise UserError(f"{path} gives {type(result).__name__} and no tensor, so it can't be a classifier.")
    return outputs


def describe(name: str, tensor: torch.Tensor) -> OutputSpec:
    """Describe an output for the choice of the logits."""
    return OutputSpec(name, tensor.is_floating_point(), ("batch", *tensor.shape[1:]) if tensor.ndim else ())


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the exporter's own news (a missing torchvision, its deprecations) off the user's terminal."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _export(
    path: Path,
    module: torch.nn.Module,
    specs: Sequence[TensorSpec],
    example: Arrays,
    output_names: Sequence[str],
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
                output_names=list(output_names),
                dynamic_shapes=axes if kwargs else tuple(axes.values()),
                verbose=False,
            )
    except Exception as error:  # the exporter runs the user's own code
        raise UserError(f"PyTorch can't export {path} to ONNX: {_root_line(error)}") from error
    if program is None:
        raise AssertionError("the exporter gave no program")
    return without_traces(program.model)


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
    forward = inspect.signature(module.forward).parameters
    first = next(iter(forward), "x")
    if isinstance(example := getattr(module, "example_input_array", None), torch.Tensor):
        return specs_of({first: example.numpy()})
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


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _root_line(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return _first_line(error)
