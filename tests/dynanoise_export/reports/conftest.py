"""Reports of attacks, which the tests of all their forms share."""

import pytest

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.attacking_model import attack
from support.blob_audits import BlobAudit, make_blob_audit
from support.query_plans import use_test_plans


@pytest.fixture(scope="session")
def blobs(tmp_path_factory) -> BlobAudit:
    """Give the files of an audit."""
    return make_blob_audit(tmp_path_factory.mktemp("reports") / "made", rows=300)


@pytest.fixture(scope="session")
def whole_report(blobs) -> AttackReport:
    """Give a report with all that a report can have, on a file that exceeds a gate."""
    with pytest.MonkeyPatch.context() as patch:
        use_test_plans(patch)
        return attack(
            blobs.defended, blobs.bundle, shadows=blobs.store, reference=blobs.plain, budget=16, max_auc=0.5
        )  # fmt: skip


@pytest.fixture(scope="session")
def quick_report(blobs) -> AttackReport:
    """Give a report without shadow models and without a reference, on one query for each row."""
    with pytest.MonkeyPatch.context() as patch:
        use_test_plans(patch)
        return attack(blobs.defended, blobs.bundle, budget=1)
