"""ONNX Runtime's I/O binding: inputs and outputs stay on the device of the model, and no call copies them."""

from typing import Any

from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor, require_onnxruntime
from dynanoise_export.runtimes.provider import Provider
from dynanoise_export.types import Array, Arrays

# The number of a graph in a session, in the options of a call; without capture it is -1.
GRAPH, NO_GRAPH = "gpu_graph_id", -1


class BoundRun:
    """A model with its inputs on its device, copied there once; each call runs it and waits until it is done.

    Args:
        predictor: the model in its session, which must stay open.
        inputs: by name.
    """

    def __init__(self, predictor: OnnxRuntimePredictor, inputs: Arrays) -> None:
        runtime = require_onnxruntime()
        self._device = "cpu" if predictor.execution.provider is Provider.CPU else "cuda"
        self._session, self._names = predictor.session, predictor.outputs
        self._binding = self._session.io_binding()
        self._arrays = inputs  # on the CPU the runtime reads this memory itself
        self._values = {
            name: runtime.OrtValue.ortvalue_from_numpy(array, self._device) for name, array in inputs.items()
        }
        for name, value in self._values.items():
            self._binding.bind_ortvalue_input(name, value)
        for name in self._names:
            self._binding.bind_output(name, self._device)
        self._options: Any = None
        if predictor.execution.cuda_graph:
            self._fix_outputs(runtime)
            self._options = _options(runtime, next(predictor.graph_numbers))

    def _fix_outputs(self, runtime: Any) -> None:
        """Bind the outputs of one call, because a graph writes to the same memory each time."""
        self._session.run_with_iobinding(self._binding, _options(runtime, NO_GRAPH))
        outputs = self._binding.get_outputs()
        self._binding.clear_binding_outputs()
        for name, value in zip(self._names, outputs, strict=True):
            self._binding.bind_ortvalue_output(name, value)

    def __call__(self) -> None:
        """Run the model once."""
        self._session.run_with_iobinding(self._binding, self._options)
        self._binding.synchronize_outputs()

    def feed(self, inputs: Arrays) -> None:
        """Copy other inputs of the same shapes to the memory that the calls read."""
        for name, value in self._values.items():
            value.update_inplace(inputs[name])

    def answers(self) -> dict[str, Array]:
        """Copy the outputs of the last run to the CPU, by name."""
        return dict(zip(self._names, self._binding.copy_outputs_to_cpu(), strict=True))


def _options(runtime: Any, graph: int) -> Any:
    options = runtime.RunOptions()
    options.add_run_config_entry(GRAPH, str(graph))
    return options
