from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dynanoise_export.attacks.audit import open_audit
from dynanoise_export.attacks.exposed_rows import FEWEST, Chosen, exposed_rows
from dynanoise_export.attacks.shadow_models import open_store
from dynanoise_export.types import TensorSpec
from support.audits import make_audit, save_store
from support.evidence import result

ROWS, EXPOSED = 3000, 400


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    made = make_audit(tmp_path_factory.mktemp("exposed") / "made", rows=ROWS, shadows=16, effect=0.0)
    return open_audit(made.bundle, [TensorSpec("x", "float32", ("n", 5))]), made


@pytest.fixture(scope="module")
def vulnerable(audit):
    """Choose rows that shadow models remember, and give their store and scores that find them in the target."""
    audit, made = audit
    rng = np.random.default_rng(3)
    exposed = np.isin(np.arange(ROWS), rng.permutation(np.flatnonzero(audit.judged))[:EXPOSED])
    logits, kept = np.load(made.store / "logits.npy"), np.load(made.store / "kept.npy")
    logits[:, np.arange(ROWS), audit.y] += 8 * kept * exposed
    path = made.store.parent / "vulnerable"
    save_store(path, logits, kept, audit.sha256)
    scores = rng.standard_normal(ROWS) + 4 * audit.member * exposed
    member = audit.member[audit.judged]
    return open_store(path, audit), result(scores[audit.judged], member), exposed


def test_shadow_models_show_the_rows_that_the_target_may_remember(audit, vulnerable):
    audit, (store, strongest, _) = audit[0], vulnerable
    found = exposed_rows(audit, store, strongest)
    assert found.chosen is Chosen.SHADOW_MODELS
    assert found.members + found.non_members == max(FEWEST, round(0.1 * audit.judged.sum()))
    assert found.auc.value > 0.95  # Φ(4 / √2) = 0.998 on the rows that were chosen rightly
    assert strongest.auc.value < 0.65  # the average over all rows understates it
    assert found.epsilon > 1.5


def test_canaries_come_before_shadow_models(audit, vulnerable):
    audit, (store, strongest, exposed) = audit[0], vulnerable
    found = exposed_rows(replace(audit, canary=exposed), store, strongest)
    assert found.chosen is Chosen.CANARIES
    assert found.members + found.non_members == EXPOSED
    rows = exposed[audit.judged]
    expected = roc_auc_score(audit.member[audit.judged][rows], strongest.scores[rows])
    assert found.auc.value == pytest.approx(expected)


def test_rows_that_nobody_remembers_prove_nothing(audit):
    audit, made = audit
    scores = np.random.default_rng(4).standard_normal(int(audit.judged.sum()))
    found = exposed_rows(audit, open_store(made.store, audit), result(scores, audit.member[audit.judged]))
    assert found.auc.low < 0.5 < found.auc.high
    assert found.epsilon == 0


def test_without_canaries_and_shadow_models_nobody_can_tell(audit, vulnerable):
    assert exposed_rows(audit[0], None, vulnerable[1]) is None


def test_too_few_canaries_have_no_figures(audit, vulnerable):
    few = np.arange(ROWS) < 20
    assert exposed_rows(replace(audit[0], canary=few), None, vulnerable[1]) is None
