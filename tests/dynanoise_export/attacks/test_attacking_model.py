import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dynanoise_export.attacks.attacking_model import Options, attack
from dynanoise_export.attacks.gates import Gate
from dynanoise_export.attacks.methods.catalogue import ATTACKS
from dynanoise_export.errors import UserError
from dynanoise_export.parameters import NoiseSource, Parameters
from support.audits import make_audit

STRONG = Parameters(sigma0=2.0, lambda_=0.0, temperature=10.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Give the files of an audit, under noise that hides what was learnt as long as it is not averaged."""
    return make_audit(tmp_path_factory.mktemp("suite") / "made", rows=1500, parameters=STRONG)


@pytest.fixture(scope="module")
def report(made):
    """Give the report on it."""
    return attack(made.defended, made.bundle, made.store, made.plain, Options(queries=(1, 256)))


def auc(report, name, attacker):
    results = [*report.results, *report.without]
    return next(r.auc.value for r in results if (r.attack.name, r.attacker.name) == (name, attacker))


def test_every_attack_is_made_by_every_attacker_who_can(report):
    names = [attack.name for attack in ATTACKS]
    for attacker in ("naive", "adaptive, 1 answer", "adaptive, 256 answers averaged"):
        assert [r.attack.name for r in report.results if r.attacker.name == attacker] == names
    assert not report.lacking
    labels = [r for r in report.results if r.attacker.labels_only]
    assert [r.attack.name for r in labels] == ["correctness"]


def test_without_the_defence_the_loss_is_that_of_the_logits(made, report):
    judged = made.split != "auxiliary"
    logits = made.logits.astype(np.float64)
    loss = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(logits)), made.y]
    expected = roc_auc_score(made.split[judged] == "member", -loss[judged])
    assert auc(report, "loss", "without the defence") == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["loss", "LiRA, online, fixed σ", "RMIA, online"])
def test_noise_hides_members_from_one_answer_and_averaging_gives_them_back(report, name):
    without = auc(report, name, "without the defence")
    assert auc(report, name, "adaptive, 1 answer") < without - 0.04
    assert auc(report, name, "adaptive, 256 answers averaged") == pytest.approx(without, abs=0.02)


def test_what_was_gained_is_the_difference_of_the_two_in_an_interval(report):
    for result in report.results:
        plain = report.plain_of(result)
        assert result.gained.value == pytest.approx(plain.auc.value - result.auc.value, abs=1e-9)
        assert result.gained.low <= result.gained.value <= result.gained.high


def test_the_worst_attack_is_the_one_with_the_largest_auc(report):
    assert report.worst.auc.value == max(result.auc.value for result in report.results)


def test_accuracy_and_flips_are_those_of_the_noise(made, report):
    outside = made.split == "non-member"
    right = made.logits.argmax(axis=1) == made.y
    assert report.plain_utility.accuracy.value == pytest.approx(right[outside].mean())
    noisy = made.logits + 2 * np.random.default_rng(1).standard_normal((50, *made.logits.shape))
    expected = (noisy.argmax(axis=2) == made.y)[:, outside].mean()
    assert report.utility.accuracy.value == pytest.approx(expected, abs=0.05)
    flips = (noisy.argmax(axis=2) != made.logits.argmax(axis=1))[:, made.split != "auxiliary"].mean()
    assert report.cost.flips == pytest.approx(flips, abs=0.05)
    lost = report.cost.accuracy_lost
    assert lost.value == pytest.approx(report.plain_utility.accuracy.value - report.utility.accuracy.value)
    assert lost.low < lost.value < lost.high


def test_it_says_that_averaging_gives_the_members_back(report):
    assert any("More answers give back what noise takes" in warning for warning in report.warnings)


def test_it_says_when_the_gain_is_the_temperatures(tmp_path):
    made = make_audit(tmp_path / "made", rows=1500, parameters=Parameters(sigma0=0.05, temperature=50))
    report = attack(made.defended, made.bundle, made.store, made.plain, Options(queries=(1,)))
    assert any("an attacker divides it out" in warning for warning in report.warnings)
    assert not any("More answers give back" in warning for warning in report.warnings)


def test_noise_that_the_server_feeds_is_attacked_alike(tmp_path, report):
    made = make_audit(tmp_path / "made", rows=1500, parameters=STRONG, noise=NoiseSource.INPUT)
    fed = attack(made.defended, made.bundle, made.store, made.plain, Options(queries=(1,)))
    name = "LiRA, online, fixed σ"
    assert auc(fed, name, "adaptive, 1 answer") == pytest.approx(auc(report, name, "adaptive, 1 answer"), abs=0.05)


def test_without_shadow_models_and_reference_it_makes_what_it_can_and_says_so(made):
    report = attack(made.defended, made.bundle, options=Options(queries=(1,)))
    assert set(report.lacking) == {attack.name for attack in ATTACKS if attack.shadows}
    assert all(result.gained is None for result in report.results)
    assert report.cost is report.plain_utility is None
    assert any("no shadow models" in warning for warning in report.warnings)
    assert any("fitted on these very rows" in warning for warning in report.warnings)


def test_an_undefended_file_is_attacked_as_it_is(made):
    report = attack(made.plain, made.bundle, made.store, options=Options(queries=(256,)))
    assert report.asked == 1 + 16  # and no noise is averaged that is not there
    assert {result.attacker.defended for result in report.results} == {False}
    assert report.worst.auc.value > 0.6


def test_members_and_non_members_that_do_not_differ_are_told_apart_by_nothing(tmp_path):
    made = make_audit(tmp_path / "made", rows=1500, learnt=0.0)
    report = attack(made.defended, made.bundle, made.store, made.plain, Options(queries=(1, 16)))
    outside = [r for r in (*report.results, *report.without) if not r.auc.low <= 0.5 <= r.auc.high]
    # One interval in twenty misses, and those of one audit stand and fall together.
    assert len(outside) < 0.2 * len(report.results)
    assert all(r.epsilon < 0.2 for r in report.results)


def test_unbalanced_sets_are_seen(tmp_path):
    made = make_audit(tmp_path / "made", rows=1500, learnt=0.0, members=0.8)
    report = attack(made.defended, made.bundle, made.store, made.plain, Options(queries=(1,)))
    assert any("unbalanced" in warning for warning in report.warnings)


def test_a_gate_is_exceeded_by_the_upper_end_of_the_interval(made, report):
    high = report.worst.auc.high
    for limit, count in ((high - 0.02, 1), (1.0, 0)):
        options = Options(queries=(1, 256), gates=[Gate(limit)])
        assert len(attack(made.defended, made.bundle, made.store, made.plain, options).exceeded) == count


def test_a_gate_that_the_rows_can_not_show_is_refused_before_anything_is_asked(made, tmp_path):
    options = Options(gates=[Gate(0.01, 0.001)], cache=tmp_path / "kept")
    with pytest.raises(UserError, match="non-members, and it takes 4,380"):
        attack(made.defended, made.bundle, made.store, made.plain, options)
    assert not (tmp_path / "kept").exists()


def test_labels_that_the_model_does_not_know_are_refused(made, tmp_path):
    with np.load(made.bundle) as bundle:
        arrays = dict(bundle)
    np.savez(tmp_path / "rows.npz", **(arrays | {"y": arrays["y"] + 3}))
    with pytest.raises(UserError, match="the label 7"):
        attack(made.defended, tmp_path / "rows.npz", options=Options(queries=(1,)))


def test_shadow_models_of_another_number_of_classes_are_refused(made, tmp_path):
    from dynanoise_export.bundles import bundle_sha256
    from support.audits import save_store

    save_store(
        tmp_path / "store",
        np.load(made.store / "logits.npy")[:, :, :4],
        np.load(made.store / "kept.npy"),
        bundle_sha256(made.bundle),
    )
    with pytest.raises(UserError, match="4 classes"):
        attack(made.defended, made.bundle, tmp_path / "store", options=Options(queries=(1,)))
