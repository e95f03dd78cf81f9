"""The config.pbtxt of a model, through Triton's own protobuf."""

from collections.abc import Mapping, Sequence

import numpy as np
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from dynanoise_export.deployed.from_server import FILE_SHA256
from dynanoise_export.deployment.triton.datatypes import datatype
from dynanoise_export.deployment.triton.serving import Decided
from dynanoise_export.deployment.triton.triton_backend import Backend
from dynanoise_export.deployment.triton.warmup import warmup_shapes
from dynanoise_export.graph.provenance import PREFIX, entries_of
from dynanoise_export.parameters import NoiseSource
from dynanoise_export.sources.inputs import TensorSpec

LABELS_FILE = "labels.txt"
# How long a request may wait for others to share a run with: little beside what a run takes.
QUEUE_MICROSECONDS = 100


def config_text(decided: Decided) -> str:
    """Give the text of config.pbtxt.

    Raises:
        UserError: Triton has no such type as an input's.
    """
    config = model_config_pb2.ModelConfig(name=decided.name, backend=decided.backend, max_batch_size=decided.max_batch)
    config.version_policy.latest.num_versions = 1
    for spec in decided.deployed.inputs:
        config.input.add(name=spec.name, data_type=_type(spec), dims=_dims(decided, spec.shape))
    rows = decided.deployed.inputs[0].shape[:1]
    config.output.add(
        name=decided.deployed.answers,
        data_type=model_config_pb2.TYPE_FP32,
        dims=_dims(decided, (*rows, decided.deployed.classes)),
        label_filename=LABELS_FILE if decided.labels else "",
    )
    for name, text in _said(decided).items():
        config.parameters[name].string_value = text
    config.response_cache.enable = False
    _add_instances(decided, config.instance_group.add())
    if decided.max_batch:
        config.dynamic_batching.preferred_batch_size.append(_usual_batch(decided))
        config.dynamic_batching.max_queue_delay_microseconds = QUEUE_MICROSECONDS
    if shapes := warmup_shapes(decided):
        for batch in sorted({1, decided.max_batch or 1}):
            _add_warmup(decided, shapes, batch, config.model_warmup.add())
    if decided.backend is Backend.TENSORRT:
        config.optimization.cuda.graphs = False  # a captured graph would replay one draw of the noise
    return str(text_format.MessageToString(config))


def _said(decided: Decided) -> dict[str, str]:
    """Tell what a client may know of the defence, which it asks the server for; the key is nowhere in it."""
    return entries_of(decided.stated) | {
        FILE_SHA256: decided.deployed.sha256 or "",
        f"{PREFIX}classes": str(decided.deployed.classes),
    }


def _type(spec: TensorSpec) -> int:
    return int(model_config_pb2.DataType.Value(f"TYPE_{datatype(spec)}"))


def _dims(decided: Decided, shape: Sequence[int | str]) -> list[int]:
    """Give the sizes of the axes, -1 for a dynamic one; without that of the batch where Triton has it in hand."""
    return [size if isinstance(size, int) else -1 for size in (shape[1:] if decided.max_batch else shape)]


def _usual_batch(decided: Decided) -> int:
    if decided.manifest is None:
        return decided.max_batch
    return min(decided.max_batch, *(usual[0] for _, usual, _ in decided.manifest.profiles.values()))


def _add_instances(decided: Decided, group: model_config_pb2.ModelInstanceGroup) -> None:
    group.count = decided.instances
    drawn = decided.noise is NoiseSource.RANDOM
    if decided.backend is Backend.TENSORRT:
        group.kind = group.KIND_GPU
        if drawn:
            group.gpus.append(0)  # for Triton puts the instances on each GPU
    elif decided.backend is Backend.PYTHON or drawn:
        group.kind = group.KIND_CPU
    else:
        group.kind = group.KIND_AUTO


def _add_warmup(
    decided: Decided, shapes: Mapping[str, Sequence[int]], rows: int, sample: model_config_pb2.ModelWarmup
) -> None:
    sample.name, sample.batch_size = f"a batch of {rows}", rows
    for spec in decided.deployed.inputs:
        query = sample.inputs[spec.name]
        query.data_type = _type(spec)
        query.dims.extend(_dims(decided, shapes[spec.name]))
        if np.dtype(spec.dtype).kind == "f":
            query.random_data = True
        else:
            query.zero_data = True  # of random bytes, hardly any integer is a word of a vocabulary
