"""Tuning, on a model whose answers are known beforehand."""

import numpy as np
import pytest

from dynanoise_export.errors import DataError, UsageError
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.tuning.halves import halves
from dynanoise_export.tuning.settings import Variant
from dynanoise_export.tuning.tune_report import Verdict
from dynanoise_export.tuning.tuning_model import tune
from support.audits import make_audit, shuffle_membership


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Give the files of an audit."""
    return make_audit(tmp_path_factory.mktemp("tune") / "made", rows=500)


@pytest.fixture(scope="module")
def report(made, tmp_path_factory):
    """Tune, and attack two finalists and the rest in full."""
    work = tmp_path_factory.mktemp("work")
    return tune(made.plain, made.bundle, shadows=made.store, trials=40, budget=4, finalists=2, jobs=2, work=work)


def searched(made, **options):
    """Tune on logits alone, which takes a second."""
    logits = made.bundle.with_name("logits.npy")
    np.save(logits, made.logits)
    return tune(logits, made.bundle, **{"shadows": made.store, "trials": 10, "budget": 4, "jobs": 1} | options)


def test_the_halves_share_no_row_and_each_has_half_of_each_kind(report):
    first, second = halves(report.audit)
    assert sorted([*first, *second]) == list(range(len(report.audit)))
    kinds = (report.audit.member, report.audit.judged & ~report.audit.member, ~report.audit.judged)
    for part in kinds:
        assert abs(part[first].sum() - part[second].sum()) <= 1
    assert np.array_equal(report.held_out.sampled, second)


def test_all_final_figures_come_from_the_held_out_rows(report):
    for final in (report.undefended, report.default, report.recommended):
        assert np.array_equal(final.report.audit.sampled, report.held_out.sampled)
    for candidate in report.candidates:
        assert not set(candidate.report.audit.sampled) & set(report.held_out.sampled)


def test_the_recommended_setting_is_safer_than_no_defence_within_the_limit(report):
    assert report.verdict is Verdict.HELPS
    assert report.recommended.risk.value < report.undefended.risk.value
    assert report.gain.value == pytest.approx(report.undefended.risk.value - report.recommended.risk.value)
    assert report.recommended.report.defence.parameters == dict(report.recommended.setting.parameters)
    # Of the search; on other rows accuracy may differ by chance.
    chosen = next(c for c in report.candidates if c.trial.setting == report.recommended.setting)
    assert chosen.trial.figures.accuracy_lost <= report.options.max_accuracy_drop


def test_the_front_is_what_no_setting_within_the_limit_beats(made):
    tried = searched(made, trials=60).trials
    within = [one for one in tried if one.figures.accuracy_lost <= 0.02]

    def values(trial):
        figures = trial.figures
        price = (figures.accuracy_lost, figures.negative_log_likelihood, figures.calibration_error)
        return np.array([figures.risk.value, *price])

    for trial in tried:
        beaten = any((values(o) <= values(trial)).all() and (values(o) < values(trial)).any() for o in within)
        assert trial.best == (trial in within and not beaten)


def test_the_search_is_the_same_however_many_settings_are_judged_at_once(made):
    one, several = (searched(made, trials=45, jobs=jobs) for jobs in (1, 3))
    assert one.trials == several.trials


def test_workers_with_one_storage_see_the_trials_of_all(made, tmp_path):
    storage = f"sqlite:///{tmp_path / 'tune.db'}"
    first, second = (searched(made, storage=storage, trials=3) for _ in range(2))
    assert len(second.trials) == 6
    assert [one.figures for one in second.trials[:3]] == [one.figures for one in first.trials]
    assert len(searched(made, storage=storage, trials=1, budget=8).trials) == 1


def test_with_shuffled_membership_the_gain_is_zero_within_its_interval(tmp_path):
    made = make_audit(tmp_path / "shuffled", rows=600)
    shuffle_membership(made.bundle, made.store)
    report = tune(made.plain, made.bundle, shadows=made.store, trials=40, budget=4, finalists=1)
    assert report.gain.low <= 0 <= report.gain.high
    assert report.verdict is Verdict.BUYS_NOTHING


def test_a_limit_that_nothing_keeps_leads_to_no_setting(made):
    report = searched(made, defence="static-noise", keep_label=False, max_accuracy_drop=0.0, trials=1)
    assert report.recommended is None
    assert report.gain is None
    assert report.verdict is Verdict.NOTHING_WITHIN_LIMIT


def test_finalists_are_judged_with_each_noise_source(made, tmp_path):
    variants = [Variant(NoiseSource.KEYED), Variant(NoiseSource.RANDOM)]
    report = tune(
        made.plain, made.bundle, shadows=made.store, trials=3, budget=1, finalists=1, variants=variants, work=tmp_path
    )
    assert [one.report.model.noise for one in report.candidates] == ["keyed", "random"]
    assert report.recommended.report.model.noise == report.recommended.variant.noise


def test_a_defence_without_noise_is_tuned_and_exported_without(made):
    report = tune(made.plain, made.bundle, shadows=made.store, defence="rounding", trials=4, budget=1)
    assert {one.setting.parameters["decimals"] for one in report.trials} <= {1, 2, 3, 4}
    assert report.recommended.report.model.noise is None


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"objective": "accuracy"}, UsageError),
        ({"objective": "tpr@0.0001"}, DataError),
        ({"trials": 0}, UsageError),
        ({"finalists": 0}, UsageError),
        ({"max_accuracy_drop": 2}, UsageError),
        ({"budget": 0}, UsageError),
        ({"defence": "dynanois"}, UsageError),
        ({"defence": "memguard"}, UsageError),
        ({"storage": "sqlite:////nowhere/tune.db"}, UsageError),
    ],
)
def test_what_cannot_be_used_is_refused(made, options, kind):
    with pytest.raises(kind):
        searched(made, **options)


@pytest.mark.parametrize(
    "logits",
    [np.zeros((3, 5), np.float32), np.zeros(500, np.float32), np.full((500, 5), np.nan), np.zeros((500, 5), int)],
)
def test_logits_of_another_form_are_refused(made, tmp_path, logits):
    np.save(tmp_path / "logits.npy", logits)
    with pytest.raises(DataError):
        tune(tmp_path / "logits.npy", made.bundle)


def test_too_few_rows_are_refused(tmp_path):
    made = make_audit(tmp_path / "few", rows=60)
    with pytest.raises(DataError):
        tune(made.plain, made.bundle, shadows=made.store)
