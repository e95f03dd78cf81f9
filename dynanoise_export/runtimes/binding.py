"""ONNX Runtime's I/O binding: inputs and outputs stay on the device of the model, and no call copies them."""

from dynanoise_export.runtimes.onnx_runtime import OnnxRuntimePredictor, require_onnxruntime
from dynanoise_export.runtimes.provider import Provider
from dynanoise_export.types import Array, Arrays


class BoundRun:
    """A model with its inputs on its device, copied there once; each call runs it and waits until it is done.

    Args:
        predictor: the model in its session, which must stay open.
        inputs: by name.
    """

    def __init__(self, predictor: OnnxRuntimePredictor, inputs: Arrays) -> None:
        runtime = require_onnxruntime()
        device = "cpu" if predictor.provider is Provider.CPU else "cuda"
        self._session, self._names = predictor.session, predictor.outputs
        self._binding = self._session.io_binding()
        self._arrays = inputs  # on the CPU the runtime reads this memory itself
        for name, array in inputs.items():
            self._binding.bind_ortvalue_input(name, runtime.OrtValue.ortvalue_from_numpy(array, device))
        for name in self._names:
            self._binding.bind_output(name, device)

    def __call__(self) -> None:
        """Run the model once."""
        self._session.run_with_iobinding(self._binding)
        self._binding.synchronize_outputs()

    def answers(self) -> dict[str, Array]:
        """Copy the outputs of the last run to the CPU, by name."""
        return dict(zip(self._names, self._binding.copy_outputs_to_cpu(), strict=True))
