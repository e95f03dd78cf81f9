import numpy as np
import pytest

from dynanoise_export.attacks.audit import open_audit
from dynanoise_export.attacks.shadow_models import open_store
from dynanoise_export.bundles import bundle_sha256
from dynanoise_export.errors import UserError
from dynanoise_export.sources.inputs import TensorSpec
from support.audits import make_audit, save_store


@pytest.fixture
def made(tmp_path):
    """Give the files of an audit with eight shadow models."""
    return make_audit(tmp_path / "made", rows=40)


def audit_of(made):
    return open_audit(made.bundle, [TensorSpec("x", "float32", ("n", 5))])


def changed(made, tmp_path, change):
    logits, kept = np.load(made.store / "logits.npy"), np.load(made.store / "kept.npy")
    logits, kept = change(logits, kept)
    save_store(tmp_path / "changed", logits, kept, bundle_sha256(made.bundle))
    return tmp_path / "changed"


def test_a_store_of_the_same_rows_is_opened(made):
    assert open_store(made.store, audit_of(made)).logits.shape == (8, 40, 5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda logits, kept: (logits[:2], kept[:2]), "is too small: row 0"),
        (lambda logits, kept: (logits, kept | (np.arange(40) == 3)), "row 3 is learnt by 8 of its 8 models"),
        (lambda logits, kept: (logits[:, :39], kept[:, :39]), "answers to 39 rows"),
        (lambda logits, kept: (logits * np.nan, kept), "no numbers"),
        (lambda logits, kept: (logits, kept[:, :39]), "damaged"),
    ],
)
def test_a_store_that_no_attack_can_use_is_refused(made, tmp_path, change, said):
    with pytest.raises(UserError, match=said):
        open_store(changed(made, tmp_path, change), audit_of(made))


def test_a_store_of_other_rows_is_refused(made, tmp_path):
    other = make_audit(tmp_path / "other", rows=40, learnt=1)
    with pytest.raises(UserError, match="of other rows"):
        open_store(other.store, audit_of(made))
