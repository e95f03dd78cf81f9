"""The README of a model in a repository: how to start the server, how to query it, and what happens to the noise."""

import json
import re
import shlex
from math import prod

import numpy as np

from dynanoise_export.defences.base import Defence
from dynanoise_export.deployed.deployed_model import DeployedModel
from dynanoise_export.deployed.manifest import manifest_of
from dynanoise_export.deployment.triton.datatypes import datatype
from dynanoise_export.deployment.triton.noise_advice import advice
from dynanoise_export.deployment.triton.serving import Serving
from dynanoise_export.deployment.triton.triton_backend import TritonBackend
from dynanoise_export.deployment.triton.warmup import warmup_shapes
from dynanoise_export.sources.inputs import draw

Shapes = dict[str, tuple[int, ...]]

# The release with the server version that this project's tests run.
IMAGE = "nvcr.io/nvidia/tritonserver:24.10-py3"

TEXT = """\
# {name}

A classifier of {classes} classes with the defence {defence}. dynanoise-export made this folder for Triton's backend \
`{backend}`. The model file has the sha256 {sha256}.

## Start the server

In the folder that contains `{name}`:

```sh
{start}
```

{needs}

## Query the model

```sh
{curl}
```

```python
{client}
```

`http://localhost:8000/v2/models/{name}/config` shows what the model states about its defence, under `parameters`.

## The noise

{advice}
{stubs}"""
# As seen on a server of version 2.51.0 after its processes were killed.
STUBS = """
## When the process of an instance ends

The server keeps running, does not restart the process, and still reports the model as ready. Each batch that it sends \
to that instance fails after a second with "Stub process … is not healthy". Other instances answer the rest; with one \
instance, nothing is answered. So let a health check send a real query. If it fails, restart the server; if the server \
was started with `--model-control-mode=explicit`, you can unload the model and load it instead.
"""
CLIENT = """\
import numpy as np
import tritonclient.http as triton
from tritonclient.utils import np_to_triton_dtype

queries = {{{queries}}}
inputs = [triton.InferInput(name, x.shape, np_to_triton_dtype(x.dtype)) for name, x in queries.items()]
for tensor, x in zip(inputs, queries.values()):
    tensor.set_data_from_numpy(x)
client = triton.InferenceServerClient("localhost:8000")
print(client.infer("{name}", inputs).as_numpy({answers}))"""


def readme_text(model: DeployedModel, defence: Defence, serving: Serving) -> str:
    """Give the text of README.md, with the model's own names and shapes in its commands."""
    shapes = _query_shapes(model)
    return TEXT.format(
        name=serving.name,
        classes=model.classes,
        defence=_defence(model, defence),
        backend=serving.backend,
        sha256=model.sha256,
        start=_start(serving),
        needs=_needs(model, serving),
        curl=_curl(model, serving, shapes),
        client=_client(model, serving, shapes),
        advice="\n".join(f"- {sentence}" for sentence in advice(model.noise, serving.backend)),
        stubs=STUBS if serving.backend is TritonBackend.PYTHON else "",
    )


def _defence(model: DeployedModel, defence: Defence) -> str:
    facts = [f"{name} {value:g}" for name, value in defence.parameters.items()]
    if defence.keep_label:
        facts.append("keeps the label")
    facts.append(f"noise: {model.noise or 'none'}")
    return f"{defence.name} ({', '.join(facts)})"


def _start(serving: Serving) -> str:
    serve = "tritonserver --model-repository=/models"
    if serving.backend is TritonBackend.PYTHON:
        serve = f"sh -c 'pip install \"numpy<2\" onnxruntime && {serve}'"
    gpus = "--gpus=all " if serving.backend is TritonBackend.TENSORRT else ""
    return f'docker run --rm {gpus}-p 8000:8000 -p 8001:8001 -v "$PWD:/models:ro" {IMAGE} \\\n  {serve}'


def _needs(model: DeployedModel, serving: Serving) -> str:
    manifest = manifest_of(model)
    if manifest is not None:
        version = re.sub(r"[^A-Za-z0-9.+-]", "", manifest.version)  # no markup from a manifest
        return (
            f"TensorRT {version} built the plan: use a release of Triton that contains this version. "
            "NVIDIA's support matrix lists them."
        )
    if serving.backend is TritonBackend.PYTHON:
        return (
            "`1/model.py` runs `1/model.onnx` in ONNX Runtime on the CPU; it needs only NumPy and ONNX Runtime. The "
            "python backend of this release misreads arrays of NumPy 2, so `1/model.py` refuses to load with it."
        )
    return (
        "If the server has a GPU, `instance_group` in `config.pbtxt` decides whether the model runs on it. There it "
        "computes in float32 and not in TF32, and chooses no convolution by trying (`use_tf32`, "
        "`cudnn_conv_algo_search`), so that answers do not depend on the batch. A backend that does not know the "
        "accelerator `cuda` refuses the config: remove `execution_accelerators` from it, and start the server with "
        "`NVIDIA_TF32_OVERRIDE=0` in its environment."
    )


def _query_shapes(model: DeployedModel) -> Shapes:
    """Choose the shape of each input of a query with as few rows as can be, in sizes that the model takes."""
    known = warmup_shapes(model)
    least = {name: array.shape for name, array in draw(model.inputs, rows=1).items()}
    return {name: (*shape[:1], *known.get(name, shape)[1:]) for name, shape in least.items()}


def _literal(name: str) -> str:
    """Write a name as Python reads it; it can end neither its line nor the block of code that it stands in."""
    return json.dumps(name) if name.isascii() else ascii(name)


def _curl(model: DeployedModel, serving: Serving, shapes: Shapes) -> str:
    if any(spec.dtype == "float16" for spec in model.inputs):
        return "# JSON can't hold float16: query the model from Python."
    tensors = ", ".join(
        f'dict(name={_literal(spec.name)}, datatype="{datatype(spec)}", shape={list(shapes[spec.name])}, '
        f"data={[np.dtype(spec.dtype).type(0).item()]} * {prod(shapes[spec.name])})"
        for spec in model.inputs
    )
    script = shlex.quote(f"import json; print(json.dumps(dict(inputs=[{tensors}])))")
    return f"python3 -c {script} |\n  curl --silent --data @- http://localhost:8000/v2/models/{serving.name}/infer"


def _client(model: DeployedModel, serving: Serving, shapes: Shapes) -> str:
    queries = ", ".join(
        f'{_literal(spec.name)}: np.zeros({list(shapes[spec.name])}, "{spec.dtype}")' for spec in model.inputs
    )
    return CLIENT.format(queries=queries, name=serving.name, answers=_literal(model.answers))
