"""A model of Triton's python backend: the ONNX file beside it, run in ONNX Runtime on the CPU.

If the file takes its noise as an input, the noise is drawn here from the operating system's generator. It is not an
input of the served model, so no client can choose it.

`dynanoise-export triton` copies this file unchanged to model.py. It needs only NumPy and ONNX Runtime.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import triton_python_backend_utils as triton
from system_normals import draw_normals  # type: ignore[import-not-found]

# This file runs without the package, so it can't import these.
Array = npt.NDArray[np.generic]
Arrays = dict[str, Array]

# What a runtime says of a failure may hold values from behind the defence, such as an index out of bounds. So a client
# learns that the model failed, and no more; the server's log has the rest.
FAILED = "The model does not run on these inputs."


class TritonPythonModel:
    """One instance of the model, in a process of its own."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Open the ONNX file.

        Args:
            args: what Triton passes to the model; `model_config` is its config.pbtxt, as JSON.
        """
        _require_intact_arrays()
        config = json.loads(args["model_config"])
        parameters = {name: value["string_value"] for name, value in config["parameters"].items()}
        self.inputs = [tensor["name"] for tensor in config["input"]]
        self.output = config["output"][0]["name"]
        self.noise_input = parameters.get("dynanoise.noise_input")
        self.classes = int(parameters["dynanoise.classes"])
        self.batching = config["max_batch_size"] > 0
        options = onnxruntime.SessionOptions()
        # The instances share the cores: more threads than cores would wait for each other.
        options.intra_op_num_threads = max(1, len(os.sched_getaffinity(0)) // _instances(config))
        path = Path(__file__).with_name("model.onnx")
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer the requests that the dynamic batcher gathered, each with its own response, in their order."""
        try:
            answers = self._together([self._query(request) for request in requests])
            return [self._response(answer) for answer in answers]
        except Exception:  # one bad request must not cost the others their answers
            return [self._alone(request) for request in requests]

    def _query(self, request: Any) -> Arrays:
        return {name: triton.get_input_tensor_by_name(request, name).as_numpy() for name in self.inputs}

    def _together(self, queries: list[Arrays]) -> list[Array]:
        """Answer all requests in one run if their rows fit into one array, otherwise in one run each."""
        shapes = {tuple(array.shape[1:] for array in inputs.values()) for inputs in queries}
        if not self.batching or len(shapes) > 1:
            return [self._run(inputs) for inputs in queries]
        joined = {name: np.concatenate([inputs[name] for inputs in queries]) for name in self.inputs}
        ends = np.cumsum([len(inputs[self.inputs[0]]) for inputs in queries])
        return np.split(self._run(joined), ends[:-1])

    def _alone(self, request: Any) -> Any:
        try:
            return self._response(self._run(self._query(request)))
        except Exception as error:  # the runtime has its own class for each kind of failure
            triton.Logger.log_error(f"The model does not run: {error}")
            return triton.InferenceResponse(error=triton.TritonError(FAILED))

    def _run(self, inputs: Arrays) -> Array:
        if self.noise_input is not None:
            rows = len(inputs[self.inputs[0]])
            inputs = inputs | {self.noise_input: draw_normals((rows, self.classes))}
        answer: Array = self.session.run([self.output], inputs)[0]
        return answer

    def _response(self, answer: Array) -> Any:
        return triton.InferenceResponse([triton.Tensor(self.output, np.ascontiguousarray(answer))])


def _require_intact_arrays() -> None:
    # A python backend that was built for NumPy 1 misreads every array of NumPy 2 and does not report it.
    array = np.arange(3, dtype=np.float32)
    passed = triton.Tensor.from_dlpack("passed", triton.Tensor("array", array).to_dlpack()).as_numpy()
    if not np.array_equal(passed, array):
        raise triton.TritonModelException(
            f"The python backend of this server misreads arrays of NumPy {np.__version__}: pip install 'numpy<2'."
        )


def _instances(config: Mapping[str, Any]) -> int:
    return sum(group["count"] for group in config["instance_group"])
