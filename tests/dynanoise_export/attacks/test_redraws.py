"""How much a figure changes from run to run: the redraws of the answers against fresh answers."""

from dataclasses import replace

import numpy as np
import pytest

from dynanoise_export.attacks.attacker_evidence import evidence_of, share_evidence
from dynanoise_export.attacks.attackers import attackers_of
from dynanoise_export.attacks.audit import open_audit
from dynanoise_export.attacks.methods.loss import LOSS
from dynanoise_export.attacks.metrics.auc import auc, placements
from dynanoise_export.attacks.redraws import REDRAWS, Redraws
from dynanoise_export.attacks.responses import ModelResponses, merged, summarise
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.types import TensorSpec
from support.audits import make_audit
from support.evidence import result

DEFENCE = DynaNoise(sigma0=2.0, lambda_=0.0, temperature=10.0)
ANSWERS, RUNS = 4, 40


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    made = make_audit(tmp_path_factory.mktemp("redraws") / "made", rows=300)
    return open_audit(made.bundle, [TensorSpec("x", "float32", ("n", 5))])


def responses(audit, seed):
    """Give the responses of one run."""
    rng, z = np.random.default_rng(seed), audit.inputs["x"]
    answers = [
        np.log(_softmax((z + DEFENCE.sigma0 * rng.standard_normal(z.shape)) / 10)).astype(np.float32)
        for _ in range(ANSWERS)
    ]
    one = summarise(audit.y, answers[:1])
    return ModelResponses({1: one, ANSWERS: merged(one, summarise(audit.y, answers[1:]))})


def _softmax(z):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def losses(audit, run):
    """Give the result of the loss attack for each attacker of a run, and the redraws of that run."""
    shared, member = share_evidence(audit, DEFENCE, None), audit.member[audit.judged]
    found = []
    for attacker, read in attackers_of(run, DEFENCE):
        scores = LOSS.score(evidence_of(attacker, read, shared))[audit.judged]
        found.append(result(scores, member, attack=LOSS, attacker=attacker))
    return found, Redraws(run, DEFENCE, shared)


def deviation(audit, scores):
    member = audit.member[audit.judged]
    return np.std([auc(placements(one, member)).value for one in scores], ddof=1)


def test_redraws_vary_as_other_runs_do(audit):
    runs = [losses(audit, responses(audit, seed))[0] for seed in range(RUNS)]
    first, redraws = losses(audit, responses(audit, 99))
    for number, attacked in enumerate(first):
        between = deviation(audit, [run[number].scores for run in runs])
        redrawn = redraws(attacked)
        assert len(redrawn) == REDRAWS
        # A deviation from so many draws is within a factor of two, and that of redraws tends to be the larger one.
        assert between / 2 < deviation(audit, redrawn) < 2.5 * between


def test_a_model_that_repeats_its_answers_has_none(audit):
    run = responses(audit, 0)
    same = replace(run, repeated={n: replace(r, spread=np.zeros_like(r.spread)) for n, r in run.repeated.items()})
    found, redraws = losses(audit, same)
    assert all(redraws(attacked) == [] for attacked in found)
