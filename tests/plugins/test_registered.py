"""Toy plugins, registered by a program, pass every command; the library has no line about them."""

import json
from contextlib import ExitStack

import numpy as np
import onnx
import pytest
from scipy.special import erf, softmax

import dynanoise_export
from dynanoise_export.attacks.methods.attack_catalogue import ATTACKS
from dynanoise_export.defences.catalogue import DEFENCES
from dynanoise_export.deployed.open_deployed import ENDPOINTS
from dynanoise_export.noise.strength import Where
from dynanoise_export.sources.open_source import FORMATS
from dynanoise_export.validation.check import CheckCode, Outcome
from plugins import toys
from plugins.toys import Bounded, Static
from support.defences import defence_alone, in_runtime

FEATURES, CLASSES, ROWS = 6, 4, 400
# The checks of the noise that `validate` makes for a known law.
AUDIT = {
    CheckCode.NOISE_MEAN,
    CheckCode.NOISE_DISTRIBUTION,
    CheckCode.NOISE_TAILS,
    CheckCode.NOISE_VARIANCE,
    CheckCode.NOISE_VARIANCE_OVER_CLASSES,
    CheckCode.NOISE_BETWEEN_CLASSES,
    CheckCode.NOISE_BETWEEN_ROWS,
    CheckCode.NOISE_BETWEEN_CALLS,
}


@pytest.fixture(autouse=True)
def registered():
    """Register all toys for the test."""
    with ExitStack() as stack:
        for defence in (Static, Bounded):
            stack.enter_context(DEFENCES.registered(defence.name, defence))
        stack.enter_context(ATTACKS.registered(toys.ATTACK.code, toys.ATTACK))
        stack.enter_context(FORMATS.registered("toy", toys.FORMAT))
        stack.enter_context(ENDPOINTS.registered("toy", toys.ENDPOINT))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with a linear classifier in the toy format, and a bundle."""
    folder = tmp_path_factory.mktemp("toys")
    generator = np.random.default_rng(0)
    weight = generator.standard_normal((CLASSES, FEATURES))
    (folder / "model.toy").write_text(json.dumps({"weight": weight.tolist(), "bias": [0.1, 0.2, 0.3, 0.4]}))
    x = generator.standard_normal((ROWS, FEATURES), dtype=np.float32)
    np.savez(folder / "rows.npz", x=x, y=(x @ weight.T).argmax(axis=1), member=np.arange(ROWS) % 2 == 0)
    return folder


@pytest.fixture(scope="module")
def files(folder):
    """Export the classifier with each toy defence, once; give the path for a defence's name and a noise source."""
    made = {}
    with FORMATS.registered("toy", toys.FORMAT):
        for defence in (Static(1.5, 2.0), Bounded(2.0)):
            for noise in ("random", "input", "keyed"):
                path = folder / f"{defence.name}-{noise}.onnx"
                grids = (0.05,) if noise == "keyed" else ()  # fine enough for each row to have noise of its own
                dynanoise_export.export(folder / "model.toy", path, defence=defence, noise=noise, grids=grids)
                made[defence.name, noise] = path
    return made


def outcomes(validation):
    return {check.code: check.outcome for check in validation.checks}


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("defence", [Static(1.5, 2.0), Bounded(2.0)])
def test_the_function_and_the_twin_follow_the_formula(defence, inline):
    generator = np.random.default_rng(0)
    logits, noise = generator.standard_normal((2, 50, 5), dtype=np.float32)
    answer = in_runtime(defence_alone(defence, 5)).run({"logits": logits, "noise": noise})["probabilities"]
    z, n = logits.astype(np.float64), noise.astype(np.float64)
    expected = (
        softmax((z + 1.5 * n) / 2, axis=1) if defence.name == "toy-static"
        else softmax(z + 2 * erf(n / np.sqrt(2)), axis=1)
    )  # fmt: skip
    np.testing.assert_allclose(answer, expected, atol=1e-6)
    np.testing.assert_allclose(defence.defend(z, n), expected, atol=1e-12)


def test_the_program_exports_and_inspects_them(program, folder, tmp_path):
    made, report = tmp_path / "defended.onnx", tmp_path / "export.json"
    options = ["--defence", "toy-static", "--parameter", "spread=1.5", "--parameter", "heat=3", "--keep-label"]
    ended = program("export", folder / "model.toy", "-o", made, *options, "--json", report)
    assert ended.status == 0, ended.err
    provenance = dynanoise_export.inspect(made).provenance
    assert (provenance.defence, provenance.parameters) == ("toy-static", {"spread": 1.5, "heat": 3})
    assert (provenance.source_format, provenance.keep_label) == ("a toy", True)
    ended = program("inspect", made)
    assert ended.status == 0, ended.err
    assert "toy-static" in ended.out
    assert "passed" in ended.out
    assert json.loads(report.read_text())["schema"] == "dynanoise-export/export/2"


@pytest.mark.parametrize("options", [["--parameter", "sigma=1"], ["--parameter", "spread=0"], ["--sigma0", "1"]])
def test_the_program_refuses_parameters_that_a_toy_does_not_have(program, folder, tmp_path, options):
    made = tmp_path / "defended.onnx"
    ended = program("export", folder / "model.toy", "-o", made, "--defence", "toy-static", *options)
    assert ended.status == 2
    assert not made.exists()


def test_inspect_states_the_node_the_noise_and_no_leak(files):
    seen = dynanoise_export.inspect(files["toy-static", "random"])
    (node,) = [node for node in seen.defence_nodes if node.function == "ToyStatic"]
    assert node.attributes == {"classes": CLASSES, "spread": 1.5, "heat": 2.0}
    assert seen.leaks.passed
    assert len(seen.leaks.draws) == 1


@pytest.mark.parametrize("keep_label", [False, True])
@pytest.mark.parametrize("inline", [False, True])
def test_the_whole_audit_of_a_toy_with_a_law_passes(folder, tmp_path, inline, keep_label):
    defence = dynanoise_export.make_defence("toy-static", {"spread": 1.5}, keep_label=keep_label)
    made = dynanoise_export.export(folder / "model.toy", tmp_path / "defended.onnx", defence=defence, inline=inline)
    validation = dynanoise_export.validate(made.path, folder / "model.toy", data=folder / "rows.npz")
    found = outcomes(validation)
    assert validation.passed, [check for check in validation.checks if not check.passed]
    assert {found[code] for code in AUDIT} == {Outcome.PASSED}
    assert found[CheckCode.DEFENCE_PARITY] is Outcome.PASSED


def test_the_audit_of_a_toy_with_a_law_fails_if_the_file_states_more_noise_than_it_has(files, folder, tmp_path):
    model = onnx.load(files["toy-static", "random"])
    (entry,) = [entry for entry in model.metadata_props if entry.key == "dynanoise.parameters"]
    entry.value = json.dumps({"spread": 2.0, "heat": 2.0})
    onnx.save(model, tmp_path / "changed.onnx")
    validation = dynanoise_export.validate(tmp_path / "changed.onnx", folder / "model.toy", data=folder / "rows.npz")
    found = outcomes(validation)
    assert not validation.passed
    assert found[CheckCode.STATED_PARAMETERS] is Outcome.FAILED
    assert found[CheckCode.NOISE_VARIANCE] is Outcome.FAILED


@pytest.mark.parametrize("inline", [False, True])
def test_without_a_law_the_audit_is_not_applicable_and_all_else_is_checked(folder, tmp_path, inline):
    made = dynanoise_export.export(
        folder / "model.toy", tmp_path / "defended.onnx", defence=Bounded(2.0), inline=inline
    )
    validation = dynanoise_export.validate(made.path, folder / "model.toy", data=folder / "rows.npz")
    found = outcomes(validation)
    assert validation.passed, [check for check in validation.checks if not check.passed]
    assert found[CheckCode.NOISE_AUDIT] is Outcome.NOT_APPLICABLE
    assert not AUDIT & {code for code, outcome in found.items() if outcome is Outcome.PASSED}
    for code in (CheckCode.NO_LEAK, CheckCode.LIVE_DRAWS, CheckCode.MODEL_PARITY, CheckCode.DEFENCE_PARITY):
        assert found[code] is Outcome.PASSED


@pytest.mark.parametrize("noise", ["input", "keyed"])
@pytest.mark.parametrize("name", ["toy-static", "toy-bounded"])
def test_other_noise_sources_are_checked_too(files, folder, name, noise):
    validation = dynanoise_export.validate(files[name, noise], folder / "model.toy", data=folder / "rows.npz")
    found = outcomes(validation)
    assert validation.passed, [check for check in validation.checks if not check.passed]
    code = CheckCode.FED_NOISE_PARITY if noise == "input" else CheckCode.KEYED_NOISE
    assert found[code] is Outcome.PASSED


@pytest.mark.parametrize("name", ["toy-static", "toy-bounded"])
def test_the_toy_attack_attacks_the_toy_defences(files, folder, name):
    report = dynanoise_export.attack(
        files[name, "random"], folder / "rows.npz", reference=folder / "model.toy", queries=(1, 4)
    )
    results = [result for result in report.results if result.attack.code == "toy"]
    assert len(results) >= 2  # for an attacker with one query and one with four
    # The AUC of scores that know nothing has this variance.
    deviation = np.sqrt((ROWS + 1) / (12 * (ROWS / 2) ** 2))
    assert all(abs(result.auc.value - 0.5) < 4.5 * deviation for result in results)
    assert report.defence == DEFENCES.get(name).from_parameters(report.defence.parameters)
    assert any(result.attack.code == "toy" for result in report.without)


@pytest.mark.parametrize("name", ["toy-static", "toy-bounded"])
def test_the_cost_of_the_toy_defences_is_measured_against_the_undefended_graph(files, name):
    report = dynanoise_export.bench(files[name, "random"], batches=(8,), pairs=10, threads=1)
    (run,) = report.runs
    assert run.ratio.value > 0.5
    assert run.defended.throughput > 0


@pytest.mark.parametrize("noise", ["random", "input", "keyed"])
@pytest.mark.parametrize("name", ["toy-static", "toy-bounded"])
def test_triton_serves_the_toy_defences(files, tmp_path, name, noise):
    made = dynanoise_export.write_triton_repository(files[name, noise], tmp_path / "models", name="toy")
    config = (made.folder / "config.pbtxt").read_text()
    assert name in config
    assert (made.folder / "1" / "model.onnx").is_file()
    assert name in (made.folder / "README.md").read_text()


def test_the_toy_endpoint_is_queried_validated_and_attacked(files, folder):
    name = f"toy:{files['toy-static', 'keyed']}"
    x = np.zeros((3, FEATURES), np.float32)
    with dynanoise_export.load(name) as session, dynanoise_export.load(files["toy-static", "keyed"]) as file:
        assert session.model.endpoint.where is Where.ONNXRUNTIME_CPU
        np.testing.assert_allclose(session.predict(x), file.predict(x), atol=1e-6)
    with pytest.raises(dynanoise_export.UsageError):
        dynanoise_export.load(name, provider="cpu")
    report = dynanoise_export.attack(name, folder / "rows.npz", queries=(1,))
    assert report.model.name == name
    key = f"{files['toy-static', 'keyed']}.key"
    assert dynanoise_export.validate(name, folder / "model.toy", data=folder / "rows.npz", key_file=key).passed


def test_a_damaged_toy_file_is_refused_by_name(tmp_path):
    (tmp_path / "damaged.toy").write_text("{")
    with pytest.raises(dynanoise_export.FormatError, match=r"damaged\.toy"):
        dynanoise_export.export(tmp_path / "damaged.toy", tmp_path / "defended.onnx")


def test_a_file_whose_defence_is_not_registered_is_refused_by_name_but_can_be_inspected(files):
    path = files["toy-bounded", "random"]
    before = dict(DEFENCES._registered)
    DEFENCES._registered.clear()
    try:
        with pytest.raises(dynanoise_export.DefenceError, match="toy-bounded"):
            dynanoise_export.load(path)
        seen = dynanoise_export.inspect(path)
        assert seen.provenance.defence == "toy-bounded"
        assert seen.leaks.passed
    finally:
        DEFENCES._registered.update(before)
