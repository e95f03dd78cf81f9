"""The config.pbtxt of a model, through Triton's own protobuf."""

from collections.abc import Mapping, Sequence

import numpy as np
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.from_server import FILE_SHA256
from dynanoise_export.deployed.manifest import manifest_of
from dynanoise_export.deployment.triton.datatypes import datatype
from dynanoise_export.deployment.triton.noise_advice import instances_may_repeat
from dynanoise_export.deployment.triton.serving import Serving
from dynanoise_export.deployment.triton.triton_backend import TritonBackend
from dynanoise_export.deployment.triton.warmup import warmup_shapes
from dynanoise_export.graph.provenance import PREFIX, Provenance, entries_of
from dynanoise_export.runtimes.provider import CONVOLUTION_SEARCH
from dynanoise_export.types import TensorSpec

LABELS_FILE = "labels.txt"
# The backend's numbers for the ways to choose a convolution's algorithm.
SEARCHES = {"EXHAUSTIVE": "0", "HEURISTIC": "1", "DEFAULT": "2"}
# How long a request may wait for others to share a run with; short compared with a run.
QUEUE_MICROSECONDS = 100


def config_text(model: DeployedModel, provenance: Provenance, serving: Serving) -> str:
    """Give the text of config.pbtxt.

    Raises:
        ModelInputError: Triton does not know the type of an input.
    """
    config = model_config_pb2.ModelConfig(name=serving.name, backend=serving.backend, max_batch_size=serving.max_batch)
    config.version_policy.latest.num_versions = 1
    for spec in model.inputs:
        config.input.add(name=spec.name, data_type=_type(spec), dims=_dims(serving, spec.shape))
    rows = model.inputs[0].shape[:1]
    config.output.add(
        name=model.answers,
        data_type=model_config_pb2.TYPE_FP32,
        dims=_dims(serving, (*rows, model.classes)),
        label_filename=LABELS_FILE if serving.labels else "",
    )
    for name, text in _parameters(model, provenance).items():
        config.parameters[name].string_value = text
    config.response_cache.enable = False
    _set_instances(model, serving, config.instance_group.add())
    if serving.max_batch:
        config.dynamic_batching.preferred_batch_size.append(_usual_batch(model, serving))
        config.dynamic_batching.max_queue_delay_microseconds = QUEUE_MICROSECONDS
    if shapes := warmup_shapes(model):
        for batch in sorted({1, serving.max_batch or 1}):
            _set_warmup(model, serving, shapes, batch, config.model_warmup.add())
    if serving.backend is TritonBackend.ONNXRUNTIME:
        _set_cuda(config)
    if serving.backend is TritonBackend.TENSORRT:
        config.optimization.cuda.graphs = False  # a captured graph would replay one draw of the noise
    return str(text_format.MessageToString(config))


def _set_cuda(config: model_config_pb2.ModelConfig) -> None:
    """Let a GPU compute as this library's own sessions do, so that answers do not depend on the batch.

    The backend reads the two options in two places: what it finds for the convolutions among the options of the CUDA
    provider, it replaces by its own parameter or, without one, by a search.
    """
    cuda = config.optimization.execution_accelerators.gpu_execution_accelerator.add(name="cuda")
    cuda.parameters["use_tf32"] = "0"
    config.parameters["cudnn_conv_algo_search"].string_value = SEARCHES[CONVOLUTION_SEARCH]


def _parameters(model: DeployedModel, provenance: Provenance) -> dict[str, str]:
    """Give what every client may read about the defence; the key is not in it.

    Nothing is stated of a guard with secrets: without them, whoever compares answers with the reference finds others.
    """
    guard = provenance.guard
    stated = {} if guard is not None and guard.secret_names else entries_of(provenance)
    return stated | {
        FILE_SHA256: model.sha256 or "",
        f"{PREFIX}classes": str(model.classes),
    }


def _type(spec: TensorSpec) -> int:
    return int(model_config_pb2.DataType.Value(f"TYPE_{datatype(spec)}"))


def _dims(serving: Serving, shape: Sequence[int | str]) -> list[int]:
    """Give the sizes of the axes, -1 for a dynamic one; without the batch axis if Triton forms the batches."""
    return [size if isinstance(size, int) else -1 for size in (shape[1:] if serving.max_batch else shape)]


def _usual_batch(model: DeployedModel, serving: Serving) -> int:
    manifest = manifest_of(model)
    if manifest is None:
        return serving.max_batch
    return min(serving.max_batch, *(usual[0] for _, usual, _ in manifest.profiles.values()))


def _set_instances(model: DeployedModel, serving: Serving, group: model_config_pb2.ModelInstanceGroup) -> None:
    group.count = serving.instances
    may_repeat = instances_may_repeat(model.noise, serving.backend)
    if serving.backend is TritonBackend.TENSORRT:
        group.kind = group.KIND_GPU
        if may_repeat:
            group.gpus.append(0)  # by default Triton puts the instances on every GPU
    elif serving.backend is TritonBackend.PYTHON or may_repeat:
        group.kind = group.KIND_CPU
    else:
        group.kind = group.KIND_AUTO


def _set_warmup(
    model: DeployedModel,
    serving: Serving,
    shapes: Mapping[str, Sequence[int]],
    rows: int,
    sample: model_config_pb2.ModelWarmup,
) -> None:
    sample.name, sample.batch_size = f"a batch of {rows}", rows
    for spec in model.inputs:
        query = sample.inputs[spec.name]
        query.data_type = _type(spec)
        query.dims.extend(_dims(serving, shapes[spec.name]))
        if np.dtype(spec.dtype).kind == "f":
            query.random_data = True
        else:
            query.zero_data = True  # integers of random bytes are hardly ever tokens of a vocabulary
