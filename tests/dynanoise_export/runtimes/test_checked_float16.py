"""A model in float16 that is compared with itself in float32, by NumPy and on real data."""

import numpy as np
import onnx_ir as ir
import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.errors import ModelInputError, UnsupportedModelError, UserError
from dynanoise_export.exporting import export
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.checked_float16 import checked_float16
from dynanoise_export.runtimes.graph_session import open_graph
from dynanoise_export.sources.source_model import SourceOptions
from support.algorithm import algorithm_1
from support.exports import data_folder, session_of
from support.graphs import LAMBDA, SIGMA0, TEMPERATURE, normals, parse, run

DEFENCE = DynaNoise(SIGMA0, LAMBDA, TEMPERATURE)
W = normals(6, 4, seed=1)
VARIANCES = np.array([1e7, 1, 1e10, 1e8, 40, 3], np.float32)
MEANS = 2 * np.sqrt(VARIANCES)


def model(graph: str, **weights: np.ndarray) -> ir.Model:
    """Read a graph whose last inputs are these weights."""
    read = parse(graph)
    for value in list(read.graph.inputs):
        if value.name in weights:
            read.graph.inputs.remove(value)
            value.const_value = ir.tensor(np.asarray(weights[value.name], np.float32), name=value.name)
            read.graph.register_initializer(value)
    return read


def batch_norm(means=MEANS, variances=VARIANCES) -> ir.Model:
    width = len(means)
    return model(
        f"g (float[N,{width}] x, float[{width}] s, float[{width}] b, float[{width}] m, float[{width}] v, "
        f"float[{width},4] w) => (float[N,4] z) {{ h = BatchNormalization(x, s, b, m, v)\n z = MatMul(h, w) }}",
        s=np.ones(width), b=np.zeros(width), m=means, v=variances, w=normals(width, 4, seed=1),
    )  # fmt: skip


def batch_norm_logits(x: np.ndarray, means=MEANS, variances=VARIANCES) -> np.ndarray:
    hidden = (x.astype(np.float64) - means) / np.sqrt(variances.astype(np.float64) + 1e-5)
    return hidden @ normals(len(means), 4, seed=1)


def chain(*operations: str, **weights: object) -> ir.Model:
    """Make a model of rows [n, 6] that runs these operations and ends with a product with W."""
    names = [f"v{count}" for count in range(len(operations) + 1)]
    lines = [f"{after} = {operation}" for operation, after in zip(operations, names[1:], strict=True)]
    lines = [line.replace("_", before) for line, before in zip(lines, ["x", *names[1:]], strict=False)]
    declared = "".join(f", float[{np.size(weight)}] {name}" for name, weight in weights.items())
    body = "\n ".join([*lines, f"z = MatMul({names[-1]}, w)"])
    return model(
        f"g (float[N,6] x{declared}, float[6,4] w) => (float[N,4] z) {{ {body} }}",
        w=W, **{name: np.atleast_1d(weight) for name, weight in weights.items()},
    )  # fmt: skip


def kept_operators(graph: ir.Model, x: np.ndarray, *, made_up: bool = True) -> list[str]:
    """Convert, check that the answers on the rows are those of float32, and list what is kept."""
    half, check = checked_float16(graph, {"x": x}, "z", made_up=made_up)
    assert (check.rows, check.made_up) == (len(x), made_up)
    assert check.difference < 0.01
    expected, answers = run(graph, x=x)[0], run(half, x=x)[0]
    np.testing.assert_allclose(answers, expected, rtol=5e-3, atol=5e-3 * np.abs(expected).max())
    return [node.operator for node in check.kept]


@pytest.mark.parametrize("made_up", [True, False])
def test_a_batch_norm_of_raw_features_stays_in_float32(made_up):
    x = normals(32, 6) if made_up else normals(32, 6) * np.sqrt(VARIANCES) + MEANS
    assert kept_operators(batch_norm(), x.astype(np.float32), made_up=made_up) == ["BatchNormalization"]


def test_an_ordinary_model_is_converted_whole():
    assert kept_operators(chain("Relu(_)", "Mul(_, k)", k=3.0), normals(32, 6)) == []


def test_a_value_that_overflows_between_two_operators_is_seen_and_stays_in_float32():
    """ONNX Runtime itself hides it on a CPU, and a GPU does not."""
    graph = chain("Mul(_, a)", "Mul(_, b)", a=2000.0, b=5e-4)
    assert kept_operators(graph, normals(32, 6)) == []
    assert kept_operators(graph, normals(32, 6) * 100) == ["Mul", "Mul"]


def test_inputs_beyond_float16_reach_the_first_operators_in_float32():
    rows = (1.7e9 + 1e6 * normals(32, 6)).astype(np.float32)
    graph = chain("Sub(_, c)", "Div(_, d)", c=np.full(6, 1.7e9), d=1e6)
    assert set(kept_operators(graph, rows, made_up=False)) == {"Sub", "Div"}


def test_inputs_that_float16_rounds_coarsely_reach_the_first_operator_in_float32():
    graph = chain("Sub(_, c)", c=np.full(6, 30000.0))
    assert kept_operators(graph, 30000 + normals(32, 6), made_up=False) == ["Sub"]


def test_masks_and_small_addends_stay_in_float16():
    graph = chain("Greater(_, one)", "Cast<to = 1>(_)", "Mul(_, large)", "Add(_, x)", "Softmax<axis = -1>(_)", one=1.0,
                  large=-3.4e38)  # fmt: skip
    assert kept_operators(graph, normals(32, 6)) == []
    root = chain("Mul(_, _)", "ReduceMean<axes = [1]>(_)", "Add(_, eps)", "Sqrt(_)", "Div(x, _)", eps=1e-12)
    assert kept_operators(root, normals(32, 6)) == []


@pytest.mark.parametrize("made_up", [True, False])
def test_a_model_that_answers_differently_in_float16_is_refused(made_up):
    """Adding 30,000 and subtracting it again loses the digits, and no number is beyond float16."""
    graph = chain("Add(_, c)", "Sub(_, c)", c=30000.0)
    with pytest.raises(UnsupportedModelError) as refused:
        checked_float16(graph, {"x": normals(32, 6)}, "z", made_up=made_up)
    assert ("--example" in str(refused.value)) is made_up


@pytest.mark.parametrize(
    ("width", "end"),
    [
        (4, "Softmax<axis = -1>(l)"), (4, "LogSoftmax<axis = -1>(l)"), (4, "Identity(l)"),
        (1, "Sigmoid(l)"), (1, "Identity(l)"),
    ],
)  # fmt: skip
def test_scores_of_any_kind_are_compared(width, end):
    def ending(offset):
        return model(
            f"g (float[N,6] x, float[1] c, float[6,{width}] w) => (float[N,{width}] z) "
            f"{{ a = Add(x, c)\n b = Sub(a, c)\n l = MatMul(b, w)\n z = {end} }}",
            c=[offset], w=W[:, :width],
        )  # fmt: skip

    _, check = checked_float16(ending(1), {"x": normals(32, 6)}, "z", made_up=True)
    assert check.difference < 0.01
    with pytest.raises(UnsupportedModelError):
        checked_float16(ending(30000), {"x": normals(32, 6)}, "z", made_up=True)


def test_rows_that_a_model_answers_with_nan_say_nothing():
    x = normals(32, 6)
    x[3] = np.nan
    assert checked_float16(chain("Relu(_)"), {"x": x}, "z", made_up=True)[1].difference < 0.01
    with pytest.raises(ModelInputError):
        checked_float16(chain("Relu(_)"), {"x": np.full((4, 6), np.nan, np.float32)}, "z", made_up=True)


def written(graph: ir.Model, folder) -> str:
    ir.save(graph, folder / "model.onnx")
    return folder / "model.onnx"


def test_the_exported_file_answers_like_algorithm_1(tmp_path):
    path = written(batch_norm(), tmp_path)
    made = export(path, tmp_path / "out.onnx", defence=DEFENCE, noise=NoiseSource.INPUT, precision="fp16")
    assert [node.operator for node in made.float16.kept] == ["BatchNormalization"]
    assert made.float16.made_up
    x = (normals(256, 6, seed=4) * np.sqrt(VARIANCES) + MEANS).astype(np.float32)
    noise = normals(256, 4, seed=3)
    answers = session_of(made.path).run(None, {"x": x, "noise": noise})[0]
    expected = algorithm_1(batch_norm_logits(x), noise, SIGMA0, LAMBDA, TEMPERATURE)
    np.testing.assert_allclose(answers, expected, atol=5e-3)


def test_the_user_s_rows_are_the_ones_compared(tmp_path):
    graph = chain("Mul(_, a)", "Mul(_, b)", a=2000.0, b=5e-4)
    path = written(graph, tmp_path)
    np.savez(tmp_path / "rows.npz", x=normals(20, 6) * 100)
    options = SourceOptions(example=tmp_path / "rows.npz")
    made = export(path, tmp_path / "out.onnx", precision="fp16", source_options=options)
    assert (made.float16.rows, made.float16.made_up, len(made.float16.kept)) == (20, False, 2)


def test_nothing_is_written_if_float16_is_refused(tmp_path):
    (out := tmp_path / "out").mkdir()
    path = written(chain("Add(_, c)", "Sub(_, c)", c=30000.0), tmp_path)
    with pytest.raises(UserError, match=str(path)):
        export(path, out / "out.onnx", precision="fp16")
    assert not list(out.iterdir())
    assert export(path, out / "out.onnx").float16 is None


def test_the_given_model_is_not_changed(tmp_path):
    ir.save(batch_norm(), tmp_path / "plain.onnx", external_data="plain.data")
    graph = ir.load(tmp_path / "plain.onnx")
    before = {name: value.const_value for name, value in graph.graph.initializers.items()}
    checked_float16(graph, {"x": normals(4, 6)}, "z", made_up=True)
    assert {name: value.const_value for name, value in graph.graph.initializers.items()} == before


def test_the_numeric_columns_of_adult_keep_every_label():
    """The final weights of census incomes reach 1,484,705, and their variance 1.1e10."""
    with np.load(data_folder() / "adult" / "adult.npz") as archive:
        name = next(name for name in archive.files if "num" in name and "train" in name)
        x = archive[name].astype(np.float32)
    means, variances = x.mean(axis=0), x.var(axis=0)
    graph = batch_norm(means, variances)
    half, check = checked_float16(graph, {"x": x[:32]}, "z", made_up=False)
    assert [node.operator for node in check.kept] == ["BatchNormalization"]
    with open_graph(half) as predictor:
        answers = predictor.run({"x": x})["z"]
    expected = batch_norm_logits(x, means, variances)
    assert (answers.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.998
    np.testing.assert_allclose(answers, expected, atol=0.05)
