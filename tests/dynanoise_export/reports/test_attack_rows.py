"""The file of the rows at risk: its columns against the rows and the scores themselves."""

import csv
import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from pyarrow import parquet

from dynanoise_export.attacks.attacking_model import attack
from dynanoise_export.attacks.row_exposure import exposed_first, false_alarms, strongest_of_each_attack
from dynanoise_export.errors import MissingPackageError, UsageError
from dynanoise_export.reports.attack_gates import most_exposed
from dynanoise_export.reports.attack_rows import require_rows_format, row_columns, write_rows
from support.audits import make_audit

CLASSES = ("cat", "dog", "eel", "fox")  # one fewer than the model has


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Give a report on rows with groups and names of classes."""
    made = make_audit(tmp_path_factory.mktemp("rows") / "made", rows=200)
    with np.load(made.bundle) as bundle:
        arrays = dict(bundle) | {"group": np.array([f"user {row % 7}" for row in range(200)])}
    np.savez(made.bundle, **arrays)
    found = attack(made.defended, made.bundle, budget=1)
    return replace(found, audit=replace(found.audit, classes=CLASSES))


def test_the_most_exposed_members_come_first(report):
    columns, audit = row_columns(report), report.audit
    members = audit.members
    assert columns["member"][:members].all()
    assert not columns["member"][members:].any()
    assert columns["rank"].tolist() == [*range(1, members + 1), *[0] * audit.non_members]
    scores = columns[f"{report.worst.attack.code}.score"]
    assert (np.diff(scores[:members]) <= 0).all()
    assert sorted(columns["row"]) == np.flatnonzero(audit.judged).tolist()


def test_each_row_has_what_the_bundle_says_of_it(report):
    columns, audit = row_columns(report), report.audit
    np.testing.assert_array_equal(columns["label"], audit.y[columns["row"]])
    np.testing.assert_array_equal(columns["group"], [f"user {row % 7}" for row in columns["row"]])
    assert {*zip(columns["label"].tolist(), columns["class"].tolist(), strict=True)} <= {
        *enumerate(CLASSES), (4, "4"),
    }  # fmt: skip
    bare = row_columns(replace(report, audit=replace(audit, group=None, classes=())))
    assert not {"group", "class"} & bare.keys()


def test_a_sample_has_the_numbers_and_labels_of_the_bundle(blobs):
    sampled = attack(blobs.defended, blobs.bundle, budget=1, sample=60)
    columns = row_columns(sampled)
    assert len(columns["row"]) == pytest.approx(60, abs=1)
    assert columns["row"].max() > len(sampled.audit)
    np.testing.assert_array_equal(columns["label"], blobs.y[columns["row"]])
    np.testing.assert_array_equal(columns["member"], blobs.split[columns["row"]] == "member")
    assert [one["label"] for one in most_exposed(sampled)] == columns["label"][:10].tolist()


def test_each_attack_has_its_scores_and_verdicts(report):
    columns, order = row_columns(report), exposed_first(report)
    for result in strongest_of_each_attack(report.results):
        assert result.auc.value == max(r.auc.value for r in report.results if r.attack.code == result.attack.code)
        np.testing.assert_array_equal(columns[f"{result.attack.code}.score"], result.scores[order])
        said = columns[f"{result.attack.code}.says_member"]
        asr = (said == columns["member"]).mean()
        assert asr == pytest.approx(result.verdicts.asr.value)


def test_false_alarms_are_the_non_members_with_scores_as_large(report):
    member = report.audit.member[report.audit.judged]
    scores = report.worst.scores
    expected = [(scores[~member] >= score).mean() for score in scores]
    np.testing.assert_allclose(false_alarms(report.worst, member), expected)


def test_csv_and_parquet_hold_the_same(report, tmp_path):
    write_rows(report, tmp_path / "rows.csv")
    write_rows(report, tmp_path / "rows.parquet")
    table = parquet.read_table(tmp_path / "rows.parquet").to_pydict()
    with (tmp_path / "rows.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(table)
    for name, values in table.items():
        assert [row[name] for row in rows] == [str(value) for value in values]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.csv", "rows.parquet"]


def test_other_formats_and_missing_packages_are_refused(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"rows\.xlsx"):
        require_rows_format(tmp_path / "rows.xlsx")
    found = importlib.util.find_spec
    monkeypatch.setattr("dynanoise_export.packages.find_spec", lambda name: None if name == "pyarrow" else found(name))
    require_rows_format(tmp_path / "rows.csv")
    with pytest.raises(MissingPackageError, match="parquet"):
        require_rows_format(tmp_path / "rows.parquet")
