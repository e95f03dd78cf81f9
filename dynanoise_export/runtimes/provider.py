"""How ONNX Runtime runs a model: its providers by name, and what they may do to be faster."""

from dataclasses import dataclass
from enum import StrEnum

from dynanoise_export.choices import choice
from dynanoise_export.errors import UsageError

# The convolution algorithm that cuDNN names as its default: the search would choose one by trying, in each session and
# for each batch anew, and so the logits would depend on both.
CONVOLUTION_SEARCH = "DEFAULT"


class Provider(StrEnum):
    """What ONNX Runtime runs a model on."""

    CPU = "cpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"


@dataclass(frozen=True)
class Execution:
    """How ONNX Runtime runs a model.

    Attributes:
        provider: what it runs on.
        tf32: whether a GPU may compute float32 in TF32, which has ten bits of precision.
        cuda_graph: whether CUDA replays the kernels of the first call in later calls.
        operators: whether the defence runs as the kernels of the library of operators.
    """

    provider: Provider = Provider.CPU
    tf32: bool = False
    cuda_graph: bool = False
    operators: bool = False

    @property
    def convolution_search(self) -> str | None:
        """How the CUDA provider chooses a convolution's algorithm; None on the CPU."""
        return None if self.provider is Provider.CPU else CONVOLUTION_SEARCH

    @property
    def cuda_options(self) -> dict[str, str]:
        """The options of ONNX Runtime's CUDA provider, by its own names."""
        options = {"use_tf32": str(int(self.tf32)), "cudnn_conv_algo_search": CONVOLUTION_SEARCH}
        return options | ({"enable_cuda_graph": "1"} if self.cuda_graph else {})


ON_CPU = Execution()


def chosen_execution(
    provider: Provider | str | None, *, tf32: bool = False, cuda_graph: bool = False, operators: bool = False
) -> Execution | None:
    """Give what the user chose; None if he chose nothing.

    Args:
        provider: cpu, cuda or tensorrt; None for no choice.
        tf32: whether a GPU may compute in TF32.
        cuda_graph: whether CUDA replays the kernels of the first call.
        operators: whether the defence runs as the kernels of the library of operators.

    Raises:
        UsageError: there is no such provider, or an option does not apply to it.
    """
    chosen = None if provider is None else choice(Provider, provider, "provider")
    if tf32 and chosen in (None, Provider.CPU):
        raise UsageError("TF32 is a number format of GPUs: choose the provider cuda or tensorrt with it.")
    if cuda_graph and chosen is not Provider.CUDA:
        raise UsageError("CUDA graphs are made by the provider cuda: choose it with them.")
    if operators and chosen is Provider.TENSORRT:
        raise UsageError("The operators are kernels for the providers cpu and cuda: choose one of these with them.")
    if chosen is None and not operators:
        return None
    return Execution(chosen or Provider.CPU, tf32, cuda_graph, operators)
