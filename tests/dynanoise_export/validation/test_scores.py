"""Models that give probabilities, one score or something else than logits, from the file to its validation."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.exporting import export
from dynanoise_export.sources.score_options import ScoreOptions, TreatAs
from dynanoise_export.sources.source_model import SourceOptions
from dynanoise_export.types import TensorSpec
from dynanoise_export.validation import validating
from dynanoise_export.validation.check import CheckCode, Outcome
from dynanoise_export.validation.validating import validate
from support.forests import agreeing_forest
from support.score_mutants import without_floor

FOREST = agreeing_forest()
ROWS = np.random.default_rng(1).standard_normal((600, FOREST.width)).astype(np.float32)
KEEPING = KeptLabel(DynaNoise(2.0, 2.0, 4.0))


@pytest.fixture(scope="module")
def forest(tmp_path_factory):
    """Give a folder with a forest, which answers half of the rows with one-hot probabilities, and with rows."""
    made = tmp_path_factory.mktemp("forest")
    onnx.save(FOREST.model(), made / "forest.onnx")
    np.savez(made / "rows.npz", x=ROWS)
    return made


def outcomes(validation):
    return {check.code: check.outcome for check in validation.checks}


def unmet(validation):
    return [c.code for c in validation.checks if c.outcome in (Outcome.FAILED, Outcome.NOT_RUN)]


def answers_of(path):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"x": ROWS})[0]


def test_no_answer_of_a_forest_leaves_as_it_came_in_and_its_file_passes(forest, tmp_path):
    made = export(forest / "forest.onnx", tmp_path / "defended.onnx", defence=DynaNoise(0.5, 2.0, 1.0))
    votes = FOREST(ROWS)
    assert 0.4 < (votes.max(axis=1) == 1).mean() < 0.6
    assert np.abs(answers_of(made.path) - votes).max(axis=1).min() > 1e-4
    validation = validate(made.path, forest / "forest.onnx", data=forest / "rows.npz")
    assert unmet(validation) == []
    assert outcomes(validation)[CheckCode.NOISE_REACHES_EVERY_CLASS] is Outcome.PASSED
    assert outcomes(validation)[CheckCode.LOGITS_ARE_DEFENDED] is Outcome.PASSED


@pytest.mark.parametrize("noise", ["random", "input", "keyed"])
def test_a_forest_without_a_floor_fails_by_the_rows_that_the_noise_does_not_reach(forest, tmp_path, noise):
    made = export(forest / "forest.onnx", tmp_path / "defended.onnx", noise=noise)
    model = onnx.load(made.path)
    without_floor(model)
    onnx.save(model, made.path)
    validation = validate(made.path, forest / "forest.onnx", data=forest / "rows.npz")
    checks = {check.code: check for check in validation.checks}
    assert checks[CheckCode.NOISE_REACHES_EVERY_CLASS].outcome is Outcome.FAILED
    assert checks[CheckCode.NOISE_REACHES_EVERY_CLASS].value == (FOREST(ROWS) == 0).sum() + (FOREST(ROWS) == 1).sum()
    assert checks[CheckCode.MODEL_PARITY].outcome is Outcome.PASSED
    if noise == "random":
        one_hot = FOREST(ROWS).max(axis=1) == 1
        np.testing.assert_array_equal(answers_of(made.path)[one_hot], FOREST(ROWS)[one_hot])


@pytest.fixture
def unseen(monkeypatch):
    """Let `validate` see no graph, as in a plan and on a server that states what the file states."""
    monkeypatch.setattr(validating, "open_deployed", lambda *given: replace(open_deployed(*given), graph=None))


@pytest.mark.parametrize("floored", [True, False])
@pytest.mark.parametrize("noise", ["random", "input", "keyed"])
def test_without_a_graph_the_answers_show_what_the_noise_reaches(forest, tmp_path, unseen, noise, floored):
    made = export(forest / "forest.onnx", tmp_path / "defended.onnx", noise=noise)
    if not floored:
        model = onnx.load(made.path)
        without_floor(model)
        onnx.save(model, made.path)
    found = outcomes(validate(made.path, forest / "forest.onnx", data=forest / "rows.npz"))
    assert found[CheckCode.GRAPH_SEEN] is Outcome.WARNING
    assert CheckCode.LOGITS_ARE_DEFENDED not in found
    assert found[CheckCode.NOISE_REACHES_EVERY_CLASS] is (Outcome.PASSED if floored else Outcome.FAILED)
    if noise != "keyed":  # which fails because of equal scores
        assert (Outcome.FAILED not in found.values()) is floored


def test_fed_noise_and_kept_labels_of_a_forest_pass(forest, tmp_path):
    made = export(forest / "forest.onnx", tmp_path / "defended.onnx", defence=KEEPING, noise="input")
    validation = validate(made.path, forest / "forest.onnx", data=forest / "rows.npz", strict=True)
    assert validation.passed, unmet(validation)


def test_keyed_noise_fails_where_many_rows_get_the_same_scores(forest, tmp_path):
    made = export(forest / "forest.onnx", tmp_path / "defended.onnx", defence=KEEPING, noise="keyed", grids=(0.02,))
    answers = answers_of(made.path)
    one_hot = FOREST(ROWS).max(axis=1) == 1
    assert len(np.unique(answers[one_hot], axis=0)) == 2  # an attacker who counts equal answers knows these rows
    validation = validate(made.path, forest / "forest.onnx", data=forest / "rows.npz")
    found = outcomes(validation)
    assert found[CheckCode.NOISE_SHARED] is Outcome.FAILED
    for code in (CheckCode.KEYED_NOISE, CheckCode.KEPT_LABELS, CheckCode.NOISE_REACHES_EVERY_CLASS):
        assert found[code] is Outcome.PASSED


def test_keyed_noise_passes_where_rows_get_scores_of_their_own(tmp_path):
    x = np.random.default_rng(2).dirichlet(np.full(6, 0.3), 600).astype(np.float32)
    x[x < 0.02] = 0
    x /= x.sum(axis=1, keepdims=True)
    x = np.unique(x[(x > 0).sum(axis=1) > 2], axis=0)
    twice = np.concatenate([x, x])  # a row that is sent twice must get the same answer
    np.savez(tmp_path / "rows.npz", x=np.random.default_rng(3).permutation(twice))
    text = "{ y = Div(x, one) }"
    write(tmp_path / "plain.onnx", f"(float[n, 6] x) => (float[n, 6] y) <float one = {{1.0}}> {text}")
    given = SourceOptions(example=tmp_path / "rows.npz")
    made = export(
        tmp_path / "plain.onnx", tmp_path / "keyed.onnx", defence=KEEPING, noise="keyed", grids=(0.02,),
        source_options=given,
    )  # fmt: skip
    assert made.provenance.floor == pytest.approx(0.01 / 6)
    validation = validate(made.path, tmp_path / "plain.onnx", data=tmp_path / "rows.npz", source_options=given)
    assert unmet(validation) == []


def write(path, graph, opset=17):
    onnx.save(onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}]> g {graph}'), path)
    return path


WEIGHTS = np.random.default_rng(4).standard_normal((FOREST.width, 4)).astype(np.float32)


@pytest.mark.parametrize(("noise", "options"), [("random", {}), ("input", {}), ("keyed", {"grids": (0.02,)})])
def test_one_score_of_two_classes_passes(forest, tmp_path, noise, options):
    weights = ",".join(map(str, WEIGHTS[:, 0]))
    body = f"(float[n, 6] x) => (float[n, 1] y) <float[6, 1] w = {{{weights}}}> {{ z = MatMul(x, w) y = Sigmoid(z) }}"
    plain = write(tmp_path / "plain.onnx", body)
    given = SourceOptions(scores=ScoreOptions(binary=True))
    made = export(plain, tmp_path / "defended.onnx", noise=noise, source_options=given, **options)
    validation = validate(made.path, plain, data=forest / "rows.npz")
    found = outcomes(validation)
    for code in (CheckCode.LOGITS_ARE_DEFENDED, CheckCode.MODEL_PARITY, CheckCode.NOISE_REACHES_EVERY_CLASS):
        assert found[code] is Outcome.PASSED
    assert Outcome.FAILED not in found.values()
    if noise != "keyed":  # of two classes, too few queries have noise of their own
        assert unmet(validation) == []


def percentages(path):
    weights = ",".join(map(str, WEIGHTS.ravel()))
    return write(
        path,
        f"(float[n, 6] x) => (float[n, 4] y) <float[6, 4] w = {{{weights}}}, float hundred = {{100}}> "
        "{ z = MatMul(x, w) p = Softmax<axis=-1>(z) y = Mul(p, hundred) }",
    )


@pytest.mark.parametrize("treat_as", TreatAs)
def test_what_the_user_says_that_scores_are_is_a_warning(forest, tmp_path, treat_as):
    plain = percentages(tmp_path / "plain.onnx")
    said = SourceOptions(scores=ScoreOptions(treat_as=treat_as))
    made = export(plain, tmp_path / "defended.onnx", defence=DynaNoise(0.5, 2.0, 40.0), source_options=said)
    validation = validate(made.path, plain, data=forest / "rows.npz")
    assert unmet(validation) == []
    assert outcomes(validation)[CheckCode.LOGITS_ARE_DEFENDED] is Outcome.WARNING
    model = onnx.load(made.path)
    model.metadata_props.remove(next(p for p in model.metadata_props if p.key == "dynanoise.treated_as"))
    onnx.save(model, made.path)
    said = SourceOptions(scores=ScoreOptions(treat_as=treat_as, floor=made.provenance.floor))
    validation = validate(made.path, plain, data=forest / "rows.npz", source_options=said)
    assert unmet(validation) == [CheckCode.LOGITS_ARE_DEFENDED]


def classifier(scale, end, classes=4):
    """Make a linear classifier of rows [n, 6] with an activation at its end; its logits are far apart."""
    linear = nn.Linear(6, classes, bias=False)
    linear.weight = nn.Parameter(scale * torch.from_numpy(WEIGHTS.T[:classes].copy()))
    return nn.Sequential(linear, end)


def scripted(module, path):
    torch.jit.save(torch.jit.script(module.eval()), path)
    return path


@pytest.fixture(scope="module")
def sharp(tmp_path_factory):
    """Give the path of a model whose softmax gives many classes a probability of 0 in float32."""
    return scripted(classifier(60.0, nn.Softmax(1)), tmp_path_factory.mktemp("sharp") / "sharp.pt")


OF_SHARP = SourceOptions(inputs=(TensorSpec("x", "float32", ("n", 6)),))


@pytest.mark.parametrize("keep_label", [False, True])
@pytest.mark.parametrize("noise", ["random", "input", "keyed"])
def test_a_softmax_that_underflows_in_the_reference_passes(forest, sharp, tmp_path, noise, keep_label):
    p = classifier(60.0, nn.Softmax(1))(torch.from_numpy(ROWS)).detach().numpy()
    assert (p == 0).mean() > 0.2
    defence = DynaNoise(2.0, 2.0, 20.0)
    made = export(
        sharp, tmp_path / "defended.onnx", defence=KeptLabel(defence) if keep_label else defence, noise=noise,
        source_options=OF_SHARP,
    )  # fmt: skip
    assert made.provenance.floor is None
    validation = validate(made.path, sharp, data=forest / "rows.npz", source_options=OF_SHARP)
    assert unmet(validation) == []


def test_a_real_difference_from_such_a_reference_fails(forest, sharp, tmp_path):
    made = export(sharp, tmp_path / "defended.onnx", source_options=OF_SHARP)
    model = onnx.load(made.path)
    weight = next(t for t in model.graph.initializer if tuple(t.dims) in ((4, 6), (6, 4)))
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1.001), weight.name))
    onnx.save(model, made.path)
    validation = validate(made.path, sharp, data=forest / "rows.npz", source_options=OF_SHARP)
    assert CheckCode.MODEL_PARITY in unmet(validation)


def test_an_underflow_in_the_answers_counts_as_not_reached(forest, sharp, tmp_path):
    made = export(sharp, tmp_path / "defended.onnx", defence=DynaNoise(0.5, 2.0, 1.0), source_options=OF_SHARP)
    validation = validate(made.path, sharp, data=forest / "rows.npz", source_options=OF_SHARP)
    assert outcomes(validation)[CheckCode.NOISE_REACHES_EVERY_CLASS] is Outcome.FAILED


@pytest.mark.parametrize("noise", ["input", "keyed"])
def test_a_sigmoid_that_is_nearly_1_in_the_reference_passes(forest, tmp_path, noise):
    module = classifier(8.0, nn.Sigmoid(), classes=1)
    single = scripted(module, tmp_path / "single.pt")
    p = module(torch.from_numpy(ROWS)).detach().numpy()
    assert ((p > 1 - 1e-6) & (p < 1)).any()
    given = SourceOptions(inputs=OF_SHARP.inputs, scores=ScoreOptions(binary=True))
    made = export(single, tmp_path / "defended.onnx", noise=noise, source_options=given)
    found = outcomes(validate(made.path, single, data=forest / "rows.npz", source_options=OF_SHARP))
    assert Outcome.FAILED not in found.values()
    assert found[CheckCode.MODEL_PARITY] is Outcome.PASSED


def test_a_softmax_in_float16_passes(forest, tmp_path):
    half = scripted(classifier(8.0, nn.Softmax(1)).half(), tmp_path / "half.pt")
    given = SourceOptions(inputs=(TensorSpec("x", "float16", ("n", 6)),))
    made = export(half, tmp_path / "defended.onnx", source_options=given)
    tolerance = {"atol": 0.05, "rtol": 1e-2}
    validation = validate(made.path, half, data=forest / "rows.npz", source_options=given, **tolerance)
    assert unmet(validation) == []
