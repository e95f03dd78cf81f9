import numpy as np
import pytest

from dynanoise_export.attacks.audit import open_audit
from dynanoise_export.attacks.shadow_models import open_store
from dynanoise_export.bundles import bundle_sha256
from dynanoise_export.errors import DataError
from dynanoise_export.types import TensorSpec
from support.audits import make_audit, save_store


@pytest.fixture
def made(tmp_path):
    """Give the files of an audit with eight shadow models."""
    return make_audit(tmp_path / "made", rows=40)


def audit_of(made):
    return open_audit(made.bundle, [TensorSpec("x", "float32", ("n", 5))])


def changed(made, tmp_path, change):
    logits, trained_on = np.load(made.store / "logits.npy"), np.load(made.store / "kept.npy")
    logits, trained_on = change(logits, trained_on)
    save_store(tmp_path / "changed", logits, trained_on, bundle_sha256(made.bundle))
    return tmp_path / "changed"


def test_a_store_of_the_same_rows_is_opened(made):
    assert open_store(made.store, audit_of(made)).logits.shape == (8, 40, 5)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda logits, trained_on: (logits[:2], trained_on[:2]), "row 0"),
        (lambda logits, trained_on: (logits, trained_on | (np.arange(40) == 3)), "8 of its 8 .* row 3"),
        (lambda logits, trained_on: (logits[:, :39], trained_on[:, :39]), "39"),
        (lambda logits, trained_on: (logits * np.nan, trained_on), "not finite"),
        (lambda logits, trained_on: (logits, trained_on[:, :39]), "damaged"),
    ],
)
def test_a_store_that_no_attack_can_use_is_refused(made, tmp_path, change, named):
    with pytest.raises(DataError, match=named):
        open_store(changed(made, tmp_path, change), audit_of(made))


def test_a_store_of_other_rows_is_refused(made, tmp_path):
    other = make_audit(tmp_path / "other", rows=40, effect=1)
    with pytest.raises(DataError, match=r"bundle\.npz"):
        open_store(other.store, audit_of(made))
