import pytest

from dynanoise_export.errors import UsageError
from dynanoise_export.noise.strength import Where
from dynanoise_export.runtimes.onnx_runtime import where_of
from dynanoise_export.runtimes.provider import ON_CPU, Execution, Provider, chosen_execution


@pytest.mark.parametrize(
    ("provider", "options", "execution"),
    [
        (None, {}, None),
        ("cpu", {}, ON_CPU),
        ("cuda", {"tf32": True}, Execution(Provider.CUDA, tf32=True)),
        (Provider.TENSORRT, {"tf32": True}, Execution(Provider.TENSORRT, tf32=True)),
        ("cuda", {"cuda_graph": True}, Execution(Provider.CUDA, cuda_graph=True)),
    ],
)
def test_what_the_user_chooses_is_how_it_runs(provider, options, execution):
    assert chosen_execution(provider, **options) == execution


@pytest.mark.parametrize(
    ("provider", "options"),
    [
        (None, {"tf32": True}),
        ("cpu", {"tf32": True}),
        ("cpu", {"cuda_graph": True}),
        ("tensorrt", {"cuda_graph": True}),
        ("tpu", {}),
    ],
)
def test_an_option_that_does_not_apply_is_refused(provider, options):
    with pytest.raises(UsageError):
        chosen_execution(provider, **options)


def test_a_cuda_graph_has_a_row_of_its_own_in_the_table_of_noise_strength():
    assert where_of(Execution(Provider.CUDA)) is Where.ONNXRUNTIME_CUDA
    assert where_of(Execution(Provider.CUDA, cuda_graph=True)) is Where.ONNXRUNTIME_CUDA_GRAPH
