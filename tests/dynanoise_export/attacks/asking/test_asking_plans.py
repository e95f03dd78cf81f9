"""Plans are asked of the target and of all shadow models, cached, and sent again only if something changed."""

from dataclasses import replace

import numpy as np
import pytest

from dynanoise_export.attacks.asking.asking_plans import PlannedQueries, ask_plans
from dynanoise_export.attacks.asking.client import SessionClient
from dynanoise_export.attacks.asking.response_cache import ResponseCache
from dynanoise_export.attacks.audit import open_audit
from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.queries.query_plan import PlanContext, PreparedPlan, QueryPlan, Reading, margin
from dynanoise_export.attacks.queries.repeats import REPEATS
from dynanoise_export.attacks.shadow_models import open_store
from dynanoise_export.deployed.open_deployed import open_deployed
from dynanoise_export.deployed.session import Session
from dynanoise_export.sources.source_model import SourceOptions
from support.blob_audits import make_blob_audit

ROWS = 300


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_blob_audit(tmp_path_factory.mktemp("plans") / "made", rows=ROWS, shadows=4)


@pytest.fixture(scope="module")
def planned(made):
    model = open_deployed(made.plain)
    audit = open_audit(made.bundle, model.inputs)
    context = PlanContext(audit.inputs, audit.y, 4, Domain.BOX, Domain.ANY, 4, None, None, None)
    return PlannedQueries(audit, context, [REPEATS], open_store(made.store, audit), (), SourceOptions(), twice=False)


def asked(made, planned, folder=None):
    """Ask all plans; give the readings, and the steps that counted queries."""
    steps = []
    caches = tuple(ResponseCache(folder, digest, planned.audit.asked) for digest in ("model", "shadows"))
    with Session(open_deployed(made.plain)) as session:
        readings = ask_plans(planned, SessionClient(session, defended=False), caches, steps.append)
    return readings, [step for step in steps if step.unit == "queries"]


def test_the_target_and_each_shadow_model_answer_the_same_queries(made, planned):
    readings, steps = asked(made, planned)
    judged = planned.audit.judged
    np.testing.assert_allclose(readings.own[0], margin(made.logits(made.x), made.y)[judged], atol=1e-3)
    stored = np.stack([margin(one, made.y) for one in planned.store.logits])
    np.testing.assert_allclose(readings.shadows.values[:, 0], stored[:, judged], atol=1e-3)
    np.testing.assert_array_equal(readings.shadows.trained_on, planned.store.kept[:, judged])
    assert steps[-1].done == steps[-1].total == 4 * judged.sum()
    assert readings.queries_per_row == 1
    assert readings.again is None


def test_a_second_run_sends_nothing_and_reads_the_same(made, planned, tmp_path):
    first, _ = asked(made, planned, tmp_path / "cache")
    again, steps = asked(made, planned, tmp_path / "cache")
    assert not steps
    np.testing.assert_array_equal(first.own, again.own)
    np.testing.assert_allclose(first.shadows.values, again.shadows.values, atol=1e-5)


def test_other_settings_are_asked_anew(made, planned, tmp_path):
    asked(made, planned, tmp_path / "cache")
    other = replace(REPEATS, prepare=lambda context: [replace(REPEATS.prepare(context)[0], settings="other")])
    _, steps = asked(made, replace(planned, plans=[other]), tmp_path / "cache")
    assert steps[-1].done == steps[-1].total == 4 * planned.audit.judged.sum()


def test_asked_twice_a_model_without_noise_answers_alike(made, planned):
    readings, _ = asked(made, replace(planned, twice=True))
    np.testing.assert_array_equal(readings.own, readings.again)


def test_without_a_store_only_the_target_is_asked(made, planned):
    readings, steps = asked(made, replace(planned, store=None))
    assert readings.shadows is None
    assert steps[-1].total == planned.audit.judged.sum()


def test_a_plan_of_several_lines_counts_the_queries_of_each(made, planned):
    parts = (("a", 1), ("a", 3), ("b", 2))
    lines = tuple(Reading(f"{line} {count}", count, Domain.ANY, line) for line, count in parts)
    prepared = PreparedPlan(lines, lambda ask, rows: np.zeros((3, len(rows))))
    plan = QueryPlan("toy", "toy", "", lambda context: [prepared])
    readings, _ = asked(made, replace(planned, plans=[plan, REPEATS], store=None))
    assert readings.queries_per_row == 3 + 2 + 1
    assert [one.plan.code for one in readings.readings] == ["toy", "toy", "toy", "repeats"]
