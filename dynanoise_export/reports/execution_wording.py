"""How ONNX Runtime ran a model, in words and for documents."""

from typing import TypedDict

from dynanoise_export.runtimes.provider import Execution, Provider


class ExecutionDocument(TypedDict):
    """How ONNX Runtime was asked to run a model.

    Attributes:
        provider: cpu, cuda or tensorrt.
        tf32: whether it might compute float32 in TF32.
        convolution_search: `cudnn_conv_algo_search` of the CUDA provider; None on the CPU.
        cuda_graph: whether CUDA graphs were replayed.
        operators: whether the defence ran as the kernels of the library of operators.
    """

    provider: str
    tf32: bool
    convolution_search: str | None
    cuda_graph: bool
    operators: bool


def execution_document(execution: Execution) -> ExecutionDocument:
    """Describe how a model was run."""
    return {
        "provider": execution.provider,
        "tf32": execution.tf32,
        "convolution_search": execution.convolution_search,
        "cuda_graph": execution.cuda_graph,
        "operators": execution.operators,
    }


def execution_known(execution: Execution | None) -> ExecutionDocument | None:
    """Describe how a model was run; None if ONNX Runtime did not run it here."""
    return None if execution is None else execution_document(execution)


def on_gpu(execution: Execution | None) -> str | None:
    """Say how a GPU was asked to compute; None if ONNX Runtime ran the model on the CPU, or not here."""
    if execution is None or execution.provider is Provider.CPU:
        return None
    facts = [
        f"TF32 {'on' if execution.tf32 else 'off'}",
        f"cudnn_conv_algo_search {execution.convolution_search}",
        *(["in a CUDA graph"] if execution.cuda_graph else []),
    ]
    return f"ONNX Runtime with {execution.provider}: {', '.join(facts)}"
