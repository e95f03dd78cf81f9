"""Shadow models stand behind the target's guard."""

import numpy as np
import pytest
from scipy.special import softmax

from dynanoise_export.attacks.asking.shadow_ask import ShadowAsk, ShadowDefence
from dynanoise_export.attacks.audit_warnings import WarningCode, guard_warnings
from dynanoise_export.defences.dynanoise import DynaNoise
from dynanoise_export.defences.guards.guard_catalogue import make_guard
from dynanoise_export.defences.temperature import Temperature
from dynanoise_export.noise.source import NoiseSource
from dynanoise_export.types import TensorSpec
from support.blob_audits import make_blob_audit


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_blob_audit(tmp_path_factory.mktemp("guarded") / "made", rows=100, shadows=2)


def guard_of(rows):
    return make_guard("box", [TensorSpec("input", "float32", ("N", rows.shape[1]))], {"input": rows})


@pytest.mark.parametrize("defence", [Temperature(7.0), DynaNoise(sigma0=1e-6, lambda_=0, temperature=1)])
@pytest.mark.parametrize("count", [1, 4])
def test_an_amplified_query_gets_the_answer_to_the_clipped_one(made, defence, count):
    rows = made.x.astype(np.float32)
    guarded = ShadowDefence(defence, NoiseSource.RANDOM, (), guard_of(rows))
    clipped = np.clip(64 * rows, rows.min(axis=0), rows.max(axis=0))
    with ShadowAsk(made.plain, 0, guarded) as ask, ShadowAsk(made.plain, 0, ShadowDefence(defence)) as plain:
        expected = plain.mean({"input": clipped}, count)
        np.testing.assert_allclose(ask.mean({"input": 64 * rows}, count), expected, atol=1e-3)
        assert np.abs(plain.mean({"input": 64 * rows}, count) - expected).max() > 1


@pytest.mark.parametrize("count", [1, 4])
def test_shadow_models_answer_copies_with_offsets_of_their_own(made, count):
    """With hardly any noise the answers are the mean probabilities of the copies that the model's own guard makes."""
    rows = {"input": made.x.astype(np.float32)}
    spec = TensorSpec("input", "float32", ("N", made.x.shape[1]))
    guard = make_guard("sphere", [spec], rows, {"copies": 5})
    quiet = DynaNoise(sigma0=1e-6, lambda_=0, temperature=1)
    own = guard.redrawn(np.random.default_rng(3))
    with ShadowAsk(made.plain, 3, ShadowDefence(quiet, NoiseSource.RANDOM, (), guard)) as ask:
        logits = ask.logits(own.asked(rows)).reshape(5, len(made.x), -1)
        mean = softmax(logits.astype(np.float64), axis=2).mean(axis=0)
        np.testing.assert_allclose(np.exp(ask.mean(rows, count)), mean, atol=1e-4)
    assert own != guard


def test_copies_are_warned_of(made):
    rows = {"input": made.x.astype(np.float32)}
    guard = make_guard("sphere", [TensorSpec("input", "float32", ("N", made.x.shape[1]))], rows)
    (warning,) = guard_warnings(guard, rows)
    assert warning.code is WarningCode.GUARD_CHANGES_ROWS


def test_a_guard_that_changes_rows_is_warned_of(made):
    rows = {"input": made.x.astype(np.float32)}
    assert list(guard_warnings(None, rows)) == []
    assert list(guard_warnings(guard_of(rows["input"]), rows)) == []
    (warning,) = guard_warnings(guard_of(rows["input"][:5]), rows)
    assert warning.code is WarningCode.GUARD_CHANGES_ROWS
