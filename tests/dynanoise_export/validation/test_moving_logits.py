"""A provider whose logits move, as a GPU's do: as far as was measured is right, and farther fails."""

import numpy as np
import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import keeping_label
from dynanoise_export.exporting import export
from dynanoise_export.noise.keyed.key import read_key
from dynanoise_export.noise.keyed.keyed_noise import DEFAULT_GRIDS, KeyedNoise
from dynanoise_export.noise.keyed.reference import keyed_normals
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.sources.open_source import open_source
from dynanoise_export.sources.reference_model import Reference
from dynanoise_export.validation.check import CheckCode, Outcome
from dynanoise_export.validation.keyed_edges import on_an_edge
from dynanoise_export.validation.movement import MARGIN, moved
from dynanoise_export.validation.tolerance import FLOAT32, IN_TF32
from dynanoise_export.validation.validating import validate
from dynanoise_models.checkpoints import save_checkpoint
from dynanoise_models.targets import TARGETS
from support.modules import seeded
from support.moving_provider import change_answers, move_logits

# Relative to the largest, a logit moves by up to twice these: by 1e-4, as a convolution's algorithm was seen to do, and
# by 1e-2, as TF32 was.
SMALL, LARGE = 4.9e-5, 5e-3
SOURCES = [(source, keep) for source in NoiseSource for keep in (False, True)]


@pytest.fixture(scope="module")
def files(folder, tmp_path_factory):
    """Give a function that exports the digits model with a source."""
    made = tmp_path_factory.mktemp("moving")

    def exported(source, keep):
        path = made / f"{source}-{keep}.onnx"
        if not path.exists():
            export(folder / "digits.pt", path, defence=keeping_label(DynaNoise(), keep), noise=source)
        return path

    return exported


@pytest.fixture
def judged(folder):
    """Give a function that validates a file and returns the checks by code."""

    def judge(path, **options):
        validation = validate(path, folder / "digits.pt", data=folder / "rows.npz", **options)
        return {check.code: check for check in validation.checks}

    return judge


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Give a function that makes a target for images with random weights, its rows, and its file with a source."""
    made = tmp_path_factory.mktemp("images")

    def exported(target, source, keep):
        folder = made / target
        if not folder.exists():
            folder.mkdir()
            save_checkpoint(folder / "model.pt", target, {}, seeded(TARGETS[target].make))
            x = np.random.default_rng(0).standard_normal((64, 3, 32, 32)).astype(np.float32)
            np.savez(folder / "rows.npz", x=x)
        path = folder / f"{source}-{keep}.onnx"
        export(folder / "model.pt", path, defence=keeping_label(DynaNoise(), keep), noise=source)
        return path

    return exported


@pytest.mark.slow
@pytest.mark.parametrize("target", ["alexnet-cifar10", "resnet20-cifar10"])
@pytest.mark.parametrize(("source", "keep"), SOURCES)
@pytest.mark.parametrize(("size", "tolerance"), [(SMALL, FLOAT32), (LARGE, IN_TF32)])
def test_models_of_images_whose_logits_move_are_right(target, source, keep, size, tolerance, images, monkeypatch):
    path = images(target, source, keep)
    move_logits(monkeypatch, path, size)
    model, rows = path.with_name("model.pt"), path.with_name("rows.npz")
    validation = validate(path, model, data=rows, atol=tolerance.atol, rtol=tolerance.rtol)
    # Untrained, all queries lie close together: some checks have too little to judge and are not run.
    assert [check.code for check in validation.checks if check.outcome is Outcome.FAILED] == []


def wrong(checks):
    """Name the checks that did not pass and are no warnings."""
    return {code for code, check in checks.items() if not check.passed and check.outcome is not Outcome.WARNING}


@pytest.mark.parametrize(
    ("source", "keep"),
    [
        pytest.param(source, keep, marks=() if keep and source is not NoiseSource.RANDOM else pytest.mark.slow)
        for source, keep in SOURCES
    ],
)
def test_logits_that_move_within_the_tolerance_are_right(source, keep, files, judged, monkeypatch):
    path = files(source, keep)
    move_logits(monkeypatch, path, SMALL)
    checks = judged(path)
    assert wrong(checks) == set()
    assert (CheckCode.LOGITS_REPEAT in checks) == (source is not NoiseSource.RANDOM)
    if source is NoiseSource.KEYED:
        assert checks[CheckCode.NOISE_ON_EDGES].value > 0


@pytest.mark.parametrize(
    ("source", "keep"),
    [
        pytest.param(source, keep, marks=() if (source, keep) == (NoiseSource.KEYED, True) else pytest.mark.slow)
        for source, keep in SOURCES
    ],
)
def test_logits_that_move_farther_fail_unless_the_tolerance_is_that_of_tf32(source, keep, files, judged, monkeypatch):
    path = files(source, keep)
    move_logits(monkeypatch, path, LARGE)
    repeat = set() if source is NoiseSource.RANDOM else {CheckCode.LOGITS_REPEAT}
    failed = wrong(judged(path))
    assert {CheckCode.MODEL_PARITY} | repeat <= failed
    assert not {CheckCode.DEFENCE_PARITY, CheckCode.KEPT_LABELS} & failed
    # The double also moves the sessions that optimisers are tried in. Those run on the CPU, where nothing moves so far.
    optimisers = {code for code in CheckCode if code.startswith("survives-")}
    assert wrong(judged(path, atol=IN_TF32.atol, rtol=IN_TF32.rtol)) <= optimisers


@pytest.fixture(scope="module")
def keyed(files, folder):
    """Give a keyed file, its rows, their logits, the tables of its noise, and its defence."""
    path = files(NoiseSource.KEYED, False)
    rows = np.load(folder / "rows.npz")["x"]
    with Reference(open_source(folder / "digits.pt")) as reference:
        logits = reference.logits({"input": rows})
    return path, rows, logits, KeyedNoise(read_key(path.with_name(f"{path.name}.key")), DEFAULT_GRIDS).tables(10)


def other_noise(keyed, row):
    """Answer a row with the noise of another cell, in some calls."""
    _, rows, logits, tables = keyed
    others = keyed_normals(logits[[row, (row + 1) % len(rows)]], tables).astype(np.float64)
    own, wrong_answer = (DynaNoise().defend(logits[[row]], noise[None])[0] for noise in others)
    assert np.abs(own - wrong_answer).max() > 1e-3

    def change(given, answers, call, *, when):
        here = (given["input"] == rows[row]).all(axis=1)
        return np.where(here[:, None] & when(len(answers), call), wrong_answer.astype(np.float32), answers)

    return change


def in_every_call(batch, call):
    return True


def alone(batch, call):
    return batch == 1


def in_the_first_call(batch, call):
    return batch > 32 and call == 1


@pytest.mark.parametrize(
    ("when", "code", "outcome"),
    [
        pytest.param(in_every_call, CheckCode.KEYED_NOISE, Outcome.FAILED, marks=pytest.mark.slow),
        (alone, CheckCode.ANSWERS_REPEAT_ONE_BY_ONE, Outcome.FAILED),
        (in_the_first_call, CheckCode.ANSWERS_REPEAT_FROM_THE_FIRST_CALL, Outcome.WARNING),
    ],
)
def test_one_row_with_other_noise_away_from_every_edge_is_told(keyed, judged, monkeypatch, when, code, outcome):
    path, _, logits, tables = keyed
    row = int(np.flatnonzero(~on_an_edge(logits, tables, 1e-2))[0])
    change = other_noise(keyed, row)
    change_answers(monkeypatch, path, lambda *given: change(*given, when=when))
    assert judged(path)[code].outcome is outcome


def test_one_row_with_other_noise_within_the_measured_distance_is_counted(keyed, judged, monkeypatch):
    path, _, logits, tables = keyed
    size = 2e-3
    edge = on_an_edge(logits, tables, size)
    row = int(np.flatnonzero(edge)[0])
    change = other_noise(keyed, row)
    move_logits(monkeypatch, path, size)
    change_answers(monkeypatch, path, lambda *given: change(*given, when=in_every_call))
    checks = judged(path, atol=0.05)
    assert wrong(checks) == set()
    assert checks[CheckCode.NOISE_ON_EDGES].value >= edge.mean()


@pytest.mark.slow
def test_without_movement_the_same_row_fails(keyed, judged, monkeypatch):
    path, _, logits, tables = keyed
    row = int(np.flatnonzero(on_an_edge(logits, tables, 2e-3) & ~on_an_edge(logits, tables, 1e-5))[0])
    change = other_noise(keyed, row)
    change_answers(monkeypatch, path, lambda *given: change(*given, when=in_every_call))
    assert CheckCode.KEYED_NOISE in wrong(judged(path, atol=0.05))


def test_a_move_is_measured_in_logarithms_of_probabilities():
    logits = np.log([[0.5, 0.25, 0.25]])
    others = np.log([[0.4, 0.3, 0.3]]) + 7  # a constant changes nothing
    seen = moved(logits, others, 0)
    assert seen.distance == pytest.approx(np.log(0.5 / 0.4))
    # Relative to the largest: log ½ against log ¾.
    assert seen.excess == pytest.approx(np.log(0.75 / 0.5))
    assert moved(logits, others, 2.0).excess == 0
    masked = np.array([[0, -np.inf], [0, -1e8]])
    assert moved(masked, masked + np.array([[0], [1e-4]]), 0).distance == 0
    assert MARGIN >= 1
