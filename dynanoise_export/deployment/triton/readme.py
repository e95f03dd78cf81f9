"""The README of a model in a repository: how to start the server, how to ask it, and what becomes of the noise."""

import json
import shlex

from dynanoise_export.deployment.triton.datatypes import datatype
from dynanoise_export.deployment.triton.noise_advice import told
from dynanoise_export.deployment.triton.serving import Decided
from dynanoise_export.deployment.triton.triton_backend import Backend
from dynanoise_export.sources.inputs import draw

# The release with the server that the tests of this tool run.
IMAGE = "nvcr.io/nvidia/tritonserver:24.10-py3"

TEXT = """\
# {name}

A classifier of {classes} classes with {head} inside ({parameters}; noise: {noise}), made by dynanoise-export for \
Triton's backend `{backend}`. It is the file with the sha256 {sha256}.

## Start the server

In the folder that holds `{name}`:

```sh
{start}
```

{needs}

## Ask it

```sh
{curl}
```

```python
{client}
```

`http://localhost:8000/v2/models/{name}/config` tells what the model states of its defence, under `parameters`.

## The noise

{noise_told}
{stubs}"""
# As seen on a server of version 2.51.0, whose processes were killed.
STUBS = """
## When the process of an instance ends

The server lives on, does not start the process again, and still calls the model ready: each batch that it gives to \
that instance fails after a second with "Stub process … is not healthy", and other instances answer the rest; with one \
instance, nothing is answered. So let a health check ask a real query, and on failure restart the server or, where it \
was started with `--model-control-mode=explicit`, unload the model and load it.
"""
CLIENT = """\
import numpy as np
import tritonclient.http as triton
from tritonclient.utils import np_to_triton_dtype

queries = {{{queries}}}
inputs = [triton.InferInput(name, x.shape, np_to_triton_dtype(x.dtype)) for name, x in queries.items()]
for taken, x in zip(inputs, queries.values()):
    taken.set_data_from_numpy(x)
client = triton.InferenceServerClient("localhost:8000")
print(client.infer("{name}", inputs).as_numpy({answers}))"""


def readme_text(decided: Decided) -> str:
    """Give the text of README.md, with the model's own names and shapes in its commands."""
    p = decided.parameters
    return TEXT.format(
        name=decided.name,
        classes=decided.deployed.classes,
        head=decided.stated.head,
        parameters=f"sigma0 {p.sigma0:g}, lambda {p.lambda_:g}, temperature {p.temperature:g}",
        noise=decided.noise,
        backend=decided.backend,
        sha256=decided.deployed.sha256,
        start=_start(decided),
        needs=_needs(decided),
        curl=_curl(decided),
        client=_client(decided),
        noise_told="\n".join(f"- {sentence}" for sentence in told(decided.noise, decided.backend)),
        stubs=STUBS if decided.backend is Backend.PYTHON else "",
    )


def _start(decided: Decided) -> str:
    serve = "tritonserver --model-repository=/models"
    if decided.backend is Backend.PYTHON:
        serve = f"sh -c 'pip install \"numpy<2\" onnxruntime && {serve}'"
    gpus = "--gpus=all " if decided.backend is Backend.TENSORRT else ""
    return f'docker run --rm {gpus}-p 8000:8000 -p 8001:8001 -v "$PWD:/models:ro" {IMAGE} \\\n  {serve}'


def _needs(decided: Decided) -> str:
    if decided.manifest is not None:
        return (
            f"The plan was built by TensorRT {decided.manifest.version}: take the release of Triton that carries that "
            "version, by NVIDIA's support matrix."
        )
    if decided.backend is Backend.PYTHON:
        return (
            "`1/model.py` runs `1/model.onnx` in ONNX Runtime on the CPU; it needs NumPy and ONNX Runtime alone. The "
            "python backend of this release misreads arrays of NumPy 2, so `1/model.py` refuses to load with it."
        )
    return "Where the server has a GPU, `instance_group` in `config.pbtxt` says whether the model runs on it."


def _curl(decided: Decided) -> str:
    if any(spec.dtype == "float16" for spec in decided.deployed.inputs):
        return "# JSON carries no float16: ask from Python."
    arrays = draw(decided.deployed.inputs, rows=1)
    tensors = ", ".join(
        f'dict(name={json.dumps(spec.name)}, datatype="{datatype(spec)}", shape={list(arrays[spec.name].shape)}, '
        f"data={[arrays[spec.name].dtype.type(0).item()]} * {arrays[spec.name].size})"
        for spec in decided.deployed.inputs
    )
    script = shlex.quote(f"import json; print(json.dumps(dict(inputs=[{tensors}])))")
    return f"python3 -c {script} |\n  curl --silent --data @- http://localhost:8000/v2/models/{decided.name}/infer"


def _client(decided: Decided) -> str:
    arrays = draw(decided.deployed.inputs, rows=1)
    queries = ", ".join(
        f'{json.dumps(spec.name)}: np.zeros({list(arrays[spec.name].shape)}, "{spec.dtype}")'
        for spec in decided.deployed.inputs
    )
    return CLIENT.format(queries=queries, name=decided.name, answers=json.dumps(decided.deployed.answers))
