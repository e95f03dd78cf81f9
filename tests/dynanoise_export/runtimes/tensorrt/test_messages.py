import logging

import pytest

from dynanoise_export.runtimes.tensorrt.messages import collected_errors, reason

BUILDER = (
    "IBuilder::buildSerializedNetwork: Error Code 4: Internal Error (kOPT values for profile 0 violate shape "
    "constraints: node_add_9: dimensions not compatible for elementwise. Condition '==' violated: 128 != 64. "
    "In operator() at /_src/runtime/core/shapeMachine.cpp:640 In evaluateShapeChecks at /_src/shapeCompiler.cpp:1375)"
)
SORTING = (
    "IBuilder::buildSerializedNetwork: Error Code 4: API Usage Error (ITopKLayer node_TopK_11: K exceeds the maximum "
    "value allowed (3840). In processCheck at /_src/shape.cpp:1066 In analyzeShapes at /_src/shape.cpp:2825)"
)
CUDA = (
    "IRuntime::deserializeCudaEngine: Error Code 1: Cuda Runtime (In ScopedCudaStream at /_src/cudaResources.cpp:25 "
    "(cudaError 35: CUDA driver version is insufficient for CUDA runtime version))"
)


@pytest.fixture
def polygraphy_logger():
    from polygraphy.logger import G_LOGGER

    return G_LOGGER


def test_errors_are_collected_and_nothing_is_printed(polygraphy_logger, capfd):
    before = vars(polygraphy_logger).copy(), logging.getLogger("Polygraphy").propagate
    with collected_errors() as errors:
        polygraphy_logger.warning("a warning")
        polygraphy_logger.error("first")
        polygraphy_logger.error("second")
    assert errors == ["first", "second"]
    assert capfd.readouterr() == ("", "")
    after = vars(polygraphy_logger)
    assert all(after[name] == value for name, value in before[0].items() if name in ("colors", "letter"))
    assert (after["_use_python_logging_system"], logging.getLogger("Polygraphy").propagate) == (False, before[1])


def test_errors_are_collected_where_what_libraries_log_is_silenced(polygraphy_logger):
    logging.disable(logging.CRITICAL)
    try:
        with collected_errors() as errors:
            polygraphy_logger.error("first")
        assert logging.root.manager.disable == logging.CRITICAL
    finally:
        logging.disable(logging.NOTSET)
    assert errors == ["first"]


@pytest.mark.parametrize(
    ("errors", "why"),
    [
        ([], "it gives no reason"),
        (["Thread context has not been set!"], "Thread context has not been set!"),
        (["a", "b\n  c"], "b c"),
        ([BUILDER, "Invalid Engine. Please ensure the engine was built correctly"],
         "kOPT values for profile 0 violate shape constraints: node_add_9: dimensions not compatible for elementwise. "
         "Condition '==' violated: 128 != 64"),
        ([SORTING], "ITopKLayer node_TopK_11: K exceeds the maximum value allowed (3840)"),
        ([CUDA], "cudaError 35: CUDA driver version is insufficient for CUDA runtime version"),
    ],
)  # fmt: skip
def test_the_reason_is_one_line_without_lines_of_the_source(errors, why):
    assert reason(errors) == why
