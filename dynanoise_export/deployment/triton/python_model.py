"""A model of Triton's python backend: the ONNX file beside it, run in ONNX Runtime on the CPU.

If the file takes its noise as an input, it is drawn here, from the operating system's generator: it is no input of the
served model, so no client can choose it.

`dynanoise-export triton` copies this file as it is to model.py. It needs NumPy and ONNX Runtime alone.
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
from system_normals import standard_normals  # type: ignore[import-not-found]

Arrays = dict[str, npt.NDArray[np.generic]]


class TritonPythonModel:
    """What the python backend makes one of for each instance, in a process of its own."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Open the ONNX file.

        Args:
            args: what Triton tells of the model; `model_config` is its config.pbtxt, as JSON.
        """
        _require_arrays_carried()
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
        """Answer the requests that the dynamic batcher gathered, each by itself and in their order."""
        asked = [
            {name: triton.get_input_tensor_by_name(request, name).as_numpy() for name in self.inputs}
            for request in requests
        ]
        try:
            answers = self._together(asked)
        except Exception:  # one bad request must not cost the others their answers
            return [self._alone(inputs) for inputs in asked]
        return [self._response(answer) for answer in answers]

    def _together(self, asked: list[Arrays]) -> list[npt.NDArray[np.generic]]:
        """Answer requests in one run, where the rows of all can stand in one array, and in a run for each elsewhere."""
        shapes = {tuple(array.shape[1:] for array in inputs.values()) for inputs in asked}
        if not self.batching or len(shapes) > 1:
            return [self._run(inputs) for inputs in asked]
        joined = {name: np.concatenate([inputs[name] for inputs in asked]) for name in self.inputs}
        ends = np.cumsum([len(inputs[self.inputs[0]]) for inputs in asked])
        return np.split(self._run(joined), ends[:-1])

    def _alone(self, inputs: Arrays) -> Any:
        try:
            return self._response(self._run(inputs))
        except Exception as error:  # the runtime has a class of its own for each kind of failure
            return triton.InferenceResponse(error=triton.TritonError(str(error)))

    def _run(self, inputs: Arrays) -> npt.NDArray[np.generic]:
        if self.noise_input is not None:
            rows = len(inputs[self.inputs[0]])
            inputs = inputs | {self.noise_input: standard_normals((rows, self.classes))}
        answer: npt.NDArray[np.generic] = self.session.run([self.output], inputs)[0]
        return answer

    def _response(self, answer: npt.NDArray[np.generic]) -> Any:
        return triton.InferenceResponse([triton.Tensor(self.output, np.ascontiguousarray(answer))])


def _require_arrays_carried() -> None:
    # A python backend that was built for NumPy 1 misreads every array of NumPy 2 without a word.
    array = np.arange(3, dtype=np.float32)
    carried = triton.Tensor.from_dlpack("carried", triton.Tensor("array", array).to_dlpack()).as_numpy()
    if not np.array_equal(carried, array):
        raise triton.TritonModelException(
            f"The python backend of this server misreads arrays of NumPy {np.__version__}: pip install 'numpy<2'."
        )


def _instances(config: Mapping[str, Any]) -> int:
    return sum(group["count"] for group in config["instance_group"])
