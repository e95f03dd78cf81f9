"""docs/attack.md lists what the code has."""

import re
from pathlib import Path

from dynanoise_export.attacks.audit_warnings import WarningCode
from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.methods.attack_catalogue import ATTACKS
from dynanoise_export.attacks.metrics.roc import non_members_needed
from dynanoise_export.attacks.queries.plan_catalogue import PLANS
from dynanoise_export.attacks.results import FPRS

TEXT = (Path(__file__).parents[3] / "docs" / "attack.md").read_text(encoding="utf-8")


def test_the_page_lists_every_warning():
    section = TEXT.partition("## Warnings")[2].partition("\n## ")[0]
    listed = [
        code for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for code in re.findall("`(.+?)`", row)
    ]
    assert listed == list(WarningCode)


def test_the_page_counts_the_attacks():
    assert "twenty-four attacks and eight query plans" in TEXT
    assert (len(ATTACKS.names()), len(PLANS.names())) == (24, 8)


def test_the_page_explains_every_query_plan_and_domain():
    for code in PLANS.names():
        assert f"(`{code}`)" in TEXT
    for domain in Domain:
        assert f"\n| `{domain}` |" in TEXT


def test_the_page_says_how_many_non_members_each_rate_needs():
    for fpr in FPRS:
        assert f"{non_members_needed(fpr):,} for {100 * fpr:g}%" in TEXT
