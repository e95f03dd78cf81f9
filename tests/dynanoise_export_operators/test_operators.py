"""The kernels against the functions that they replace, which are compared with the reference elsewhere."""

import importlib
import re

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from scipy import stats

import dynanoise_export as dx
from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.onnx_functions import DOMAIN, VERSION
from support.graphs import DEFENCE, KEY, defend, normals, parse
from support.source_code import ROOT

pytestmark = pytest.mark.usefixtures("installed")

SOURCE = ROOT / "operators"
GRIDS = {NoiseSource.INPUT: NoiseSource.INPUT, NoiseSource.KEYED: KeyedNoise(KEY, (0.3, 1.0))}


def head(classes, noise, defence=DEFENCE, dtype="float"):
    model = parse(f"g ({dtype}[N,{classes}] x) => ({dtype}[N,{classes}] z) {{ z = Identity(x) }}")
    defend(model, "z", classes, noise, defence)
    return model


def session(model, *, operators, saved=None):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if saved is not None:
        options.optimized_model_filepath = str(saved)
    if operators:
        options.register_custom_ops_library(str(dx.operators()))
    return onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString(), options, ["CPUExecutionProvider"])


def answers(model, x, noise=None):
    """Answer with the functions of the file, and with the kernels."""
    sessions = [session(model, operators=operators) for operators in (False, True)]
    fed = {value.name: given for value, given in zip(sessions[0].get_inputs(), (x, noise), strict=False)}
    return [one.run(None, fed)[0] for one in sessions]


def extreme(rows, classes):
    x = 4 * normals(rows, classes)
    x[0, 0], x[1], x[2], x[3, -1], x[4, 0], x[5] = np.inf, -np.inf, 0, -np.inf, 3e38, 50
    return x


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("source", GRIDS)
@pytest.mark.parametrize("classes", [2, 3, 10, 16, 17, 100, 1100])  # around the 16 lanes, and a row on the heap
def test_a_kernel_answers_like_the_function(classes, source, keep):
    model = head(classes, GRIDS[source], keeping_label(DEFENCE, keep))
    expected, given = answers(model, extreme(64, classes), normals(64, classes, seed=1))
    np.testing.assert_allclose(given, expected, atol=2e-6)


@pytest.mark.parametrize("source", GRIDS)
def test_nan_in_a_row_stays_there(source):
    x = normals(4, 20)
    x[2, 7] = np.nan
    expected, given = answers(head(20, GRIDS[source]), x, normals(4, 20, seed=1))
    assert np.isnan(expected).any(axis=1).tolist() == [False, False, True, False]
    np.testing.assert_array_equal(np.isnan(given).any(axis=1), np.isnan(expected).any(axis=1))


@pytest.mark.parametrize(("dtype", "kind"), [("float16", np.float16), ("double", np.float64)])
def test_logits_of_other_types_are_taken(dtype, kind):
    model = head(10, NoiseSource.KEYED, keeping_label(DEFENCE, True), dtype)
    expected, given = answers(model, normals(50, 10).astype(kind))
    np.testing.assert_allclose(given, expected, atol=1e-6)


def test_no_rows_give_no_rows():
    _, given = answers(head(10, NoiseSource.KEYED), np.zeros((0, 10), np.float32))
    assert given.shape == (0, 10)


def test_the_kernels_stand_in_the_place_of_the_functions(tmp_path):
    model = head(10, NoiseSource.KEYED, keeping_label(DEFENCE, True))
    session(model, operators=True, saved=tmp_path / "optimised.onnx")
    nodes = [node.op_type for node in ir.load(tmp_path / "optimised.onnx").graph]
    assert sorted(set(nodes) - {"Reshape"}) == ["ArgMax", "DynaNoise", "KeepLabel", "KeyedNormals"]


def test_the_source_and_the_package_name_the_version_of_the_functions():
    (stated,) = re.findall(r"kVersion = (\d+);", (SOURCE / "src" / "operators.cc").read_text(encoding="utf-8"))
    assert int(stated) == importlib.import_module("dynanoise_export_operators").DOMAIN_VERSION == VERSION


def test_a_file_of_another_version_keeps_its_functions(tmp_path):
    model = head(10, NoiseSource.KEYED)
    for scope in (model.graph, *model.functions.values()):
        if DOMAIN in scope.opset_imports:
            scope.opset_imports[DOMAIN] = VERSION - 1
    session(model, operators=True, saved=tmp_path / "optimised.onnx")
    assert not [node for node in ir.load(tmp_path / "optimised.onnx").graph if node.domain == DOMAIN]


def draws(rows, classes):
    """Call for the normals alone, in a new session."""
    model = head(classes, NoiseSource.RANDOM)
    node = next(node for node in model.graph if node.op_type == "RandomNormals")
    model.graph.outputs[:] = [node.outputs[0]]
    opened = session(model, operators=True)
    return lambda: opened.run(None, {"x": np.zeros((rows, classes), np.float32)})[0]


def test_random_noise_is_standard_normal_without_correlations():
    drawn = draws(100_000, 10)()
    assert stats.kstest(drawn.ravel(), "norm").pvalue > 1e-4
    assert stats.kstest((drawn**2).sum(axis=1), "chi2", args=(10,)).pvalue > 1e-4
    correlations = np.corrcoef(drawn[:-1].T, drawn[1:].T)[~np.eye(20, dtype=bool)]
    assert np.abs(correlations).max() < 6 / np.sqrt(len(drawn))
    assert len(np.unique(drawn)) > 0.9 * drawn.size


@pytest.mark.parametrize("shape", [(1, 1), (1, 15), (1, 17), (3, 85), (1, 257)])
def test_all_of_the_noise_is_drawn(shape):
    assert (draws(*shape)() != 0).all()


def test_random_noise_is_fresh_between_calls_and_sessions():
    first, second = draws(50, 10), draws(50, 10)
    drawn = np.concatenate([first(), first(), second()])
    assert len(np.unique(drawn)) == drawn.size


def test_a_label_that_is_no_class_is_an_error_and_not_a_crash():
    model = parse(
        "g (float[N,3] p, int64[N,1] label) => (float[N,3] q) { q = ai.dynanoise.KeepLabel(p, label) }",
        more=f', "{DOMAIN}" : {VERSION}',
    )
    opened = session(model, operators=True)
    with pytest.raises(Exception, match="a label is not a class"):
        opened.run(None, {"p": np.ones((1, 3), np.float32), "label": np.array([[3]])})


def test_tables_of_another_form_are_an_error_and_not_a_crash():
    model = head(10, NoiseSource.KEYED)
    signs = next(value for name, value in model.graph.initializers.items() if name.endswith("signs"))
    signs.const_value = ir.tensor(np.ones((10, 7), np.float32), name=signs.name)
    opened = session(model, operators=True)
    with pytest.raises(Exception, match="another form"):
        opened.run(None, {"x": np.zeros((1, 10), np.float32)})


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["random", "keyed"])
def test_a_file_fails_no_check_with_them(checkpoint, tmp_path, noise):
    dx.export(checkpoint, tmp_path / "defended.onnx", noise=noise, defence=keeping_label(DEFENCE, True))
    validation = dx.validate(tmp_path / "defended.onnx", checkpoint, operators=True)
    outcomes = {check.code: check.outcome for check in validation.checks}
    assert dx.Outcome.FAILED not in outcomes.values()  # an untrained model's keyed noise can't be checked in full
    if noise == "random":
        assert outcomes[dx.CheckCode.GENERATOR] is dx.Outcome.PASSED
