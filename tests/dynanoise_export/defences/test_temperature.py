"""Temperature scaling in ONNX Runtime and in PyTorch, compared with scipy's softmax in float64."""

import math

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from scipy.special import log_softmax, softmax

from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.errors import UsageError
from dynanoise_export.exporting import export
from dynanoise_export.inspecting import inspect
from support.defences import defence_alone, in_runtime
from support.exports import session_of
from support.graphs import defend, normals, parse, run

INF = np.inf
TYPES = {"float": np.float32, "double": np.float64, "float16": np.float16}


def in_graph(logits, temperature, *, opset=18, inline=False, dtype="float"):
    k = logits.shape[1]
    model = parse(f"g ({dtype}[N,{k}] x) => ({dtype}[N,{k}] z) {{ z = Identity(x) }}", opset=opset, ir_version=10)
    defend(model, "z", k, defence=Temperature(temperature), inline=inline)
    if inline:
        assert not model.functions
        assert {node.domain for node in model.graph} == {""}
    (answer,) = run(model, x=logits)
    assert answer.dtype == np.float32
    return answer


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("opset", [13, 17, 21, 24])
@pytest.mark.parametrize("temperature", [0.01, 1, 2.5, 1000.0])
def test_the_function_is_scipy_s_softmax_at_every_opset(temperature, opset, inline):
    logits = 5 * normals(200, 7)
    expected = softmax(logits.astype(np.float64) / temperature, axis=1)
    answer = in_graph(logits, temperature, opset=opset, inline=inline)
    np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-5 if temperature < 1 else 1e-6)


@pytest.mark.parametrize("classes", [2, 3, 1000, 100_000])
def test_any_number_of_classes(classes):
    logits = 5 * normals(3, classes)
    expected = softmax(logits.astype(np.float64) / 2.5, axis=1)
    np.testing.assert_allclose(in_graph(logits, 2.5), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", TYPES)
def test_logits_of_every_float_type(dtype):
    logits = (4 * normals(64, 10)).astype(TYPES[dtype])
    expected = softmax(logits.astype(np.float64) / 2.5, axis=1)
    np.testing.assert_allclose(in_graph(logits, 2.5, dtype=dtype), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ([INF, 1, 2], [1, 0, 0]),
        ([-INF, 1, 1], [0, 0.5, 0.5]),
        ([-INF, 1, -INF], [0, 1, 0]),
        ([INF, -INF, INF], [0.5, 0, 0.5]),
        ([INF, INF, INF], [1 / 3] * 3),
        ([1e4, -1e4, 0], [1, 0, 0]),
    ],
)
def test_infinite_logits_count_as_their_limits(logits, expected):
    row = np.array([logits], np.float32)
    np.testing.assert_allclose(in_graph(row, 2.5), [expected], atol=1e-6)
    twin = Temperature(2.5).defend(row.astype(np.float64), np.zeros((1, 3)))
    np.testing.assert_allclose(twin, [expected], atol=1e-6)


def test_the_twin_is_scipy_s_softmax_and_ignores_the_noise():
    logits = 5 * normals(50, 7, dtype=np.float64)
    answer = Temperature(2.5).defend(logits, np.full((50, 7), np.nan))
    np.testing.assert_allclose(answer, softmax(logits / 2.5, axis=1), rtol=1e-12)


def test_undo_gives_the_logits_back():
    logits = 5 * normals(50, 7, dtype=np.float64)
    defence = Temperature(2.5)
    undone = defence.undo(np.log(defence.defend(logits, np.zeros((50, 7)))))
    np.testing.assert_allclose(log_softmax(undone, axis=1), log_softmax(logits, axis=1), rtol=1e-7)
    assert defence.mean_answer(logits, 16, np.random.default_rng()) is logits


def test_it_has_no_noise_and_no_law():
    defence = Temperature()
    assert not defence.takes_noise
    assert defence.law is None
    assert not defence.keep_label
    assert Temperature(4).lipschitz == 0.25


@pytest.mark.parametrize("temperature", [0, -1, 1e-4, 1e7, math.nan, math.inf])
def test_a_temperature_out_of_bounds_is_refused(temperature):
    with pytest.raises(UsageError, match="temperature"):
        Temperature(temperature)


@pytest.mark.parametrize("opset", [13, 21])
def test_with_kept_labels_ties_go_to_the_first_class(opset):
    logits = (np.random.default_rng(0).integers(-2, 3, (500, 4)) / 2).astype(np.float32)
    assert ((logits == logits.max(axis=1, keepdims=True)).sum(axis=1) > 1).mean() > 0.2
    defence = KeptLabel(Temperature(2.5))
    model = defence_alone(defence, 4, opset=opset)
    onnx.checker.check_model(ir.to_proto(model), full_check=True)
    answer = in_runtime(model).run({"logits": logits})["probabilities"]
    np.testing.assert_allclose(answer, softmax(logits.astype(np.float64) / 2.5, axis=1), atol=1e-5)
    label = logits.argmax(axis=1)
    others = answer.copy()
    others[np.arange(500), label] = -1
    assert (answer[np.arange(500), label] > others.max(axis=1)).all()
    twin = defence.defend(logits.astype(np.float64), np.zeros((500, 4)))
    np.testing.assert_allclose(answer, twin, atol=1e-6)


@pytest.mark.parametrize("inline", [False, True])
def test_an_exported_file_takes_no_noise_passes_the_walk_and_states_its_defence(checkpoint, tmp_path, inline):
    made = export(checkpoint, tmp_path / "defended.onnx", defence=Temperature(2.5), inline=inline)
    assert made.key_file is None
    seen = inspect(made.path)
    assert list(seen.inputs) == ["input"]
    assert list(seen.outputs) == ["probabilities"]
    assert seen.leaks.passed
    assert seen.leaks.draws == ()
    assert seen.provenance == made.provenance
    assert (made.provenance.defence, made.provenance.parameters) == ("temperature", {"temperature": 2.5})
    assert (made.provenance.noise, made.provenance.noise_input, made.provenance.key) == (None, None, None)
    shown = [(node.function, node.attributes) for node in seen.defence_nodes]
    assert shown == ([] if inline else [("Temperature", {"classes": 10, "temperature": 2.5})])
    answers = session_of(made.path).run(None, {"input": normals(5, 64)})[0]
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("options", [{"noise": "random"}, {"noise": "keyed"}, {"key_file": "key"}, {"grids": (0.5,)}])
def test_an_export_with_noise_is_refused_and_nothing_is_written(checkpoint, tmp_path, options):
    with pytest.raises(UsageError):
        export(checkpoint, tmp_path / "defended.onnx", defence=Temperature(), **options)
    assert not list(tmp_path.iterdir())
