"""The whole attack, on a model whose answers are known beforehand."""

import re

import numpy as np
import onnx
import pytest
from sklearn.metrics import roc_auc_score

from dynanoise_export.attacks import attacking_model
from dynanoise_export.attacks.attacking_model import attack
from dynanoise_export.attacks.audit_warnings import WarningCode
from dynanoise_export.attacks.budgets import stays_inside
from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.gates import Gate, GateOutcome
from dynanoise_export.attacks.methods.attack import Attack, Requirement
from dynanoise_export.attacks.methods.attack_catalogue import ATTACKS
from dynanoise_export.bundles import bundle_sha256
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.deployed.session import Session
from dynanoise_export.errors import DataError, UsageError
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.runtimes.provider import Execution
from dynanoise_export.sources.reference_model import Reference
from support.audits import make_audit, save_store

SIGMA0 = 3.0
STRONG = DynaNoise(sigma0=SIGMA0, lambda_=0.0, temperature=10.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Give the files of an audit, with noise that hides members unless it is averaged out."""
    return make_audit(tmp_path_factory.mktemp("attack") / "made", rows=1500, defence=STRONG)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Give the files of a small audit, for what does not depend on the figures."""
    return make_audit(tmp_path_factory.mktemp("attack") / "small", rows=200, defence=STRONG)


@pytest.fixture(scope="module")
def report(made):
    """Give the report on it."""
    return attack(made.defended, made.bundle, shadows=made.store, reference=made.plain, queries=(1, 256), budget=256)


@pytest.fixture
def fast_attacks(monkeypatch):
    """Leave out the two attacks that take most of the time, where they are not the subject."""
    every = ATTACKS.all

    def fast():
        return [(code, method) for code, method in every() if code not in ("three-subnets", "quantile-regression")]

    monkeypatch.setattr(ATTACKS, "all", fast)


def both(made, **options):
    return attack(made.defended, made.bundle, shadows=made.store, reference=made.plain, **options)


def auc(report, code, attacker):
    results = [*report.results, *report.without]
    return next(r.auc.value for r in results if (r.attack.code, r.attacker.name) == (code, attacker))


def codes(report):
    return {warning.code for warning in report.warnings}


def test_every_attacker_runs_every_attack_that_it_can(report):
    for attacker in ("naive", "adaptive, 1 answer", "adaptive, 256 answers averaged"):
        assert [r.attack.code for r in report.results if r.attacker.name == attacker] == ATTACKS.names()
    assert [one.attack.code for one in report.skipped] == ["fusion"]  # the store keeps no models


def test_without_the_defence_the_loss_is_that_of_the_logits(made, report):
    judged = made.split != "auxiliary"
    logits = made.logits.astype(np.float64)
    loss = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(logits)), made.y]
    expected = roc_auc_score(made.split[judged] == "member", -loss[judged])
    assert auc(report, "loss", "without the defence") == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("code", "hidden"), [("loss", 0.015), ("lira-online-fixed", 0.2), ("rmia-online", 0.15)])
def test_noise_hides_members_from_one_answer_and_averaging_reveals_them(report, code, hidden):
    # With other noise the AUCs of one answer are lower by 0.090, 0.277 and 0.221, with deviations of 0.016, 0.011 and
    # 0.016; those of 256 answers by at most 0.007 with a deviation of 0.002.
    without = auc(report, code, "without the defence")
    assert auc(report, code, "adaptive, 1 answer") < without - hidden
    assert auc(report, code, "adaptive, 256 answers averaged") == pytest.approx(without, abs=0.02)


def test_the_gain_is_the_difference_of_the_aucs_in_an_interval(report):
    for result in report.results:
        plain, gained = report.without_defence(result), result.auc_gained
        assert result.attacker.plan or plain.attack is result.attack
        assert gained.value == pytest.approx(plain.auc.value - result.auc.value, abs=1e-9)
        assert gained.low <= gained.value <= gained.high


def test_the_worst_result_has_the_largest_auc(report):
    assert report.worst.auc.value == max(result.auc.value for result in report.results)


def test_the_largest_tpr_is_that_of_all_results(report):
    largest = report.largest_tpr(0.01)
    assert largest.tpr[0.01].value == max(result.tpr[0.01].value for result in report.results)
    assert report.largest_tpr(0.001) is None  # for which there are too few rows


def test_accuracy_and_flips_are_those_of_the_noise(made, report):
    non_members = made.split == "non-member"
    correct = made.logits.argmax(axis=1) == made.y
    assert report.plain_utility.accuracy.value == pytest.approx(correct[non_members].mean())
    noisy = made.logits + SIGMA0 * np.random.default_rng(1).standard_normal((200, *made.logits.shape))
    assert_share(report.utility.accuracy.value, (noisy.argmax(axis=2) == made.y)[:, non_members])
    flips = noisy.argmax(axis=2) != made.logits.argmax(axis=1)
    assert_share(report.cost.flips, flips[:, made.split != "auxiliary"])
    lost = report.cost.accuracy_lost
    assert lost.value == pytest.approx(report.plain_utility.accuracy.value - report.utility.accuracy.value)
    assert lost.low < lost.value < lost.high


def assert_share(found, simulated):
    """Compare a share of rows with its simulations [times, rows]; the noise moves it by 5 deviations in no real run."""
    chance = simulated.mean(axis=0)
    deviation = np.sqrt((chance * (1 - chance)).sum()) / len(chance)
    assert found == pytest.approx(chance.mean(), abs=5 * deviation)


def test_it_warns_if_averaging_reveals_the_members(report):
    assert WarningCode.NOISE_AVERAGED_OUT in codes(report)


@pytest.mark.usefixtures("fast_attacks")
def test_it_warns_if_the_gain_comes_from_the_temperature(tmp_path):
    made = make_audit(tmp_path / "made", rows=1500, defence=DynaNoise(sigma0=0.05, temperature=50))
    report = both(made, budget=1)
    assert WarningCode.DEFENCE_UNDONE in codes(report)
    assert WarningCode.NOISE_AVERAGED_OUT not in codes(report)


@pytest.mark.usefixtures("fast_attacks")
def test_noise_that_the_server_feeds_is_attacked_alike(tmp_path, report):
    made = make_audit(tmp_path / "made", rows=1500, defence=STRONG, noise=NoiseSource.INPUT)
    fed = attack(made.defended, made.bundle, shadows=made.store, budget=1)
    expected = auc(report, "lira-online-fixed", "adaptive, 1 answer")
    # Each has a deviation of 0.011, so this is five deviations of their difference; without noise it is 0.28 higher.
    assert auc(fed, "lira-online-fixed", "adaptive, 1 answer") == pytest.approx(expected, abs=0.08)


def test_without_shadow_models_and_reference_it_runs_what_it_can_and_says_so(made):
    report = attack(made.defended, made.bundle, budget=1)
    skipped = {one.attack.code: one for one in report.skipped}
    assert set(skipped) == {code for code, method in ATTACKS.all() if method.shadows} | {"fusion"}
    assert {one.requirement for one in skipped.values()} == {Requirement.SHADOW_MODELS}
    assert all(result.auc_gained is None for result in report.results)
    assert report.cost is report.plain_utility is report.reference is None
    assert {WarningCode.NO_SHADOW_MODELS, WarningCode.THRESHOLD_FROM_JUDGED_ROWS} <= codes(report)


@pytest.mark.usefixtures("fast_attacks")
def test_an_undefended_file_is_attacked_as_it_is(made):
    report = attack(made.plain, made.bundle, shadows=made.store, queries=(16,), budget=16)
    assert not any("averaged" in result.attacker.name for result in report.results)  # there is no noise
    assert {result.attacker.defended for result in report.results} == {False}
    assert report.defence is None
    assert report.worst.auc.value > 0.6


@pytest.mark.usefixtures("fast_attacks")
def test_a_defence_without_noise_is_queried_once_and_undone(tmp_path):
    made = make_audit(tmp_path / "made", rows=1500, defence=Temperature(50.0))
    report = both(made, queries=(1, 16), budget=16)
    assert report.defence == Temperature(50.0)
    scores = [result.attacker.name for result in report.results if not result.attacker.plan]
    assert list(dict.fromkeys(scores)) == ["naive", "adaptive, 1 answer"]
    for code in ("loss", "lira-online-fixed"):
        expected = auc(report, code, "without the defence")
        assert auc(report, code, "adaptive, 1 answer") == pytest.approx(expected, abs=1e-3)
    assert report.cost.flips == 0


@pytest.mark.usefixtures("fast_attacks")
def test_a_given_defence_replaces_the_models_own(small):
    given = Temperature(10.0)
    # The noise lowers the accuracy, and this defence does not explain it.
    report = attack(
        small.defended, small.bundle, shadows=small.store, queries=(1, 16), budget=16, defence=given, force=True
    )
    assert report.defence == given
    assert not any("averaged" in result.attacker.name for result in report.results)


@pytest.mark.usefixtures("fast_attacks")
def test_a_given_defence_makes_attackers_adaptive_to_a_model_that_states_none(small, tmp_path):
    graph = '<ir_version: 10, opset_import: ["" : 18]> g (float[n, 5] x) => (float[n, 5] p) { p = Softmax (x) }'
    onnx.save(onnx.parser.parse_model(graph), tmp_path / "foreign.onnx")
    report = attack(tmp_path / "foreign.onnx", small.bundle, budget=1, defence=KeptLabel(STRONG))
    assert {result.attacker.adaptive for result in report.results} == {True, False}
    assert report.defence == KeptLabel(STRONG)


@pytest.mark.usefixtures("fast_attacks")
def test_a_registered_attack_takes_part(small):
    toy = Attack("toy-margin", "toy margin", "nobody", lambda evidence: evidence.signals.margin)
    hungry = Attack("toy-hungry", "toy hungry", "nobody", lambda evidence: evidence.signals.margin, shadows=99)
    with ATTACKS.registered(toy.code, toy), ATTACKS.registered(hungry.code, hungry):
        report = attack(small.defended, small.bundle, shadows=small.store, budget=1)
    assert {r.attacker.name for r in report.results if r.attack is toy} >= {"naive", "adaptive, 1 answer"}
    assert (hungry, 99, 8) in [(one.attack, one.needed, one.given) for one in report.skipped]


def test_members_and_non_members_that_do_not_differ_are_not_separated(tmp_path):
    made = make_audit(tmp_path / "made", rows=1500, effect=0.0)
    report = both(made, budget=16)
    outside = [r for r in (*report.results, *report.without) if not r.auc.low <= 0.5 <= r.auc.high]
    # One interval in twenty misses, and those of one audit are correlated.
    assert len(outside) < 0.2 * len(report.results)
    assert all(r.epsilon < 0.2 for r in report.results)


@pytest.mark.usefixtures("fast_attacks")
def test_unbalanced_sets_are_warned_of(tmp_path):
    made = make_audit(tmp_path / "made", rows=400, effect=0.0, members=0.8)
    assert WarningCode.UNBALANCED_SETS in codes(attack(made.defended, made.bundle, budget=1))


@pytest.mark.usefixtures("fast_attacks")
def test_the_upper_end_of_an_interval_exceeds_a_gate(made, report):
    limit = report.worst.auc.high - 0.02
    exceeded = both(made, queries=(1, 256), budget=256, max_auc=limit, max_tpr=["1@0.01"])
    assert [one.gate for one in exceeded.gates_exceeded] == [Gate(limit)]
    assert exceeded.gates_held == (Gate(1.0, 0.01),)


@pytest.mark.usefixtures("fast_attacks")
def test_a_gate_takes_a_second_answer_and_adds_no_attacker(small):
    bare, gated = (attack(small.defended, small.bundle, budget=1, max_auc=limit) for limit in (None, 1.0))
    assert (bare.passed, gated.passed) == (None, True)
    assert gated.queries_per_row == bare.queries_per_row + 1  # and the plans' queries again
    assert [r.attacker for r in gated.results] == [r.attacker for r in bare.results]
    assert gated.gates[0].margin > 0


@pytest.mark.usefixtures("fast_attacks")
def test_noise_that_repeats_gives_a_gate_no_margin(tmp_path):
    made = make_audit(tmp_path / "made", rows=200, noise=NoiseSource.KEYED)
    (judged,) = attack(made.defended, made.bundle, budget=1, max_auc=0.5).gates
    assert judged.margin == 0
    assert judged.outcome is GateOutcome.EXCEEDED


def test_required_shadow_models_must_be_there_and_enough(small, tmp_path):
    with pytest.raises(UsageError, match="--shadows"):
        attack(small.defended, small.bundle, require_shadows=True)
    logits, trained_on = np.load(small.store / "logits.npy"), np.load(small.store / "kept.npy")
    save_store(tmp_path / "store", logits[:4], trained_on[:4], bundle_sha256(small.bundle))
    with pytest.raises(DataError, match="--require-shadows"):
        attack(small.defended, small.bundle, shadows=tmp_path / "store", require_shadows=True)


def test_a_gate_that_the_rows_can_not_show_is_refused_before_any_query(small, tmp_path):
    with pytest.raises(DataError, match="4,380"):
        both(small, max_tpr=["0.01@0.001"], cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("fast_attacks")
def test_paths_may_be_texts_and_a_second_run_uses_the_cache(small, tmp_path):
    arguments = {"budget": 1, "cache": str(tmp_path / "cache")}
    first = attack(str(small.defended), str(small.bundle), **arguments)
    steps = []
    again = attack(str(small.defended), str(small.bundle), progress=steps.append, **arguments)
    np.testing.assert_array_equal(first.worst.scores, again.worst.scores)
    assert not any(step.unit == "queries" for step in steps)


@pytest.mark.usefixtures("fast_attacks")
def test_answers_that_were_computed_in_another_way_are_asked_again(small, tmp_path, monkeypatch):
    arguments = {"budget": 1, "cache": tmp_path / "cache"}
    attack(small.defended, small.bundle, **arguments)
    # On the CPU TF32 changes no answer, and the command refuses it there: only a GPU computes in it.
    monkeypatch.setattr(attacking_model, "chosen_execution", lambda provider, **chosen: Execution(tf32=True))
    steps = []
    attack(small.defended, small.bundle, progress=steps.append, **arguments)
    assert any(step.unit == "queries" for step in steps)


@pytest.mark.usefixtures("fast_attacks")
def test_progress_counts_queries_and_names_attackers(small):
    steps = []
    report = attack(small.defended, small.bundle, queries=(1, 2), budget=2, progress=steps.append)
    sent = [step for step in steps if step.unit == "queries"]
    assert sent[-1].done == sent[-1].total
    senders = {result.attacker.name for result in report.results if not result.attacker.plan}
    assert senders <= {step.what.partition(": ")[2] for step in steps}


@pytest.mark.usefixtures("fast_attacks")
def test_the_model_and_the_reference_are_closed(small, monkeypatch):
    closed = []
    for opened in (Session, Reference):
        close = opened.close
        monkeypatch.setattr(opened, "close", lambda self, close=close: (closed.append(type(self)), close(self)))
    both(small, budget=1)
    assert sorted(one.__name__ for one in closed) == ["Reference", "Session"]


def test_labels_that_the_model_does_not_have_are_refused(small, tmp_path):
    with np.load(small.bundle) as bundle:
        arrays = dict(bundle)
    np.savez(tmp_path / "rows.npz", **(arrays | {"y": arrays["y"] + 3}))
    with pytest.raises(DataError, match=r"rows\.npz .* 7.* 5"):
        attack(small.defended, tmp_path / "rows.npz", budget=1)


def test_shadow_models_with_another_number_of_classes_are_refused(small, tmp_path):
    logits, trained_on = np.load(small.store / "logits.npy"), np.load(small.store / "kept.npy")
    save_store(tmp_path / "store", logits[:, :, :4], trained_on, bundle_sha256(small.bundle))
    with pytest.raises(DataError, match=re.escape(str(tmp_path / "store"))):
        attack(small.defended, small.bundle, shadows=tmp_path / "store", budget=1)


@pytest.mark.usefixtures("fast_attacks")
def test_a_domain_may_be_a_text(small):
    report = attack(small.defended, small.bundle, budget=1, domain="box")
    assert report.allowed is report.domain is Domain.BOX
    assert all(stays_inside(result.attacker, Domain.BOX) for result in report.results)
    with pytest.raises(UsageError, match="any, box, binary, image or tokens"):
        attack(small.defended, small.bundle, domain="circle")


def test_a_domain_without_the_rows_is_refused_before_any_query(small, tmp_path, monkeypatch):
    monkeypatch.setattr(Session, "__init__", lambda *arguments, **named: pytest.fail("the model was opened"))
    with pytest.raises(UsageError, match=r"bundle\.npz"):
        attack(small.defended, small.bundle, domain="image", cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_an_unknown_provider_is_refused(small):
    with pytest.raises(UsageError, match="cuda"):
        attack(small.defended, small.bundle, provider="gpu")
