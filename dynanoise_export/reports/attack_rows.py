"""The file of the rows at risk: what attacks say about each judged row, as CSV or Parquet."""

import csv
from pathlib import Path

import numpy as np

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.row_exposure import exposed_first, false_alarms, strongest_of_each_attack
from dynanoise_export.errors import UsageError
from dynanoise_export.files import written_whole
from dynanoise_export.packages import require_packages
from dynanoise_export.types import Array

CSV, PARQUET = ".csv", ".parquet"


def require_rows_format(path: Path) -> None:
    """Check, before long work, that the file of the rows can be written.

    Raises:
        UsageError: its name ends neither in .csv nor in .parquet.
        MissingPackageError: Parquet needs a package that is not installed.
    """
    if path.suffix not in (CSV, PARQUET):
        raise UsageError(f"{path} is neither CSV nor Parquet: give --rows a name that ends in .csv or .parquet.")
    if path.suffix == PARQUET:
        require_packages("Parquet files need", "pyarrow")


def write_rows(report: AttackReport, path: Path) -> None:
    """Write what attacks say about each judged row, the most exposed members first.

    Raises:
        UserError: the format is unknown, a package is missing, or the file can't be written.
    """
    require_rows_format(path)
    columns = row_columns(report)
    with written_whole(path) as staged:
        if path.suffix == PARQUET:
            from pyarrow import parquet, table

            parquet.write_table(table(columns), staged)
            return
        with staged.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))


def row_columns(report: AttackReport) -> dict[str, Array]:
    """Arrange what attacks say about each of the r judged rows, the most exposed members first.

    Returns:
        Columns [r] by name: `row`, its number in the bundle; `rank`, 1 for the most exposed member, 0 for non-members;
        `member`, `label`, and `class` and `group` if the bundle has them; `false_alarms`, the share of non-members
        that the worst attack accuses if it finds this row; then, for each attack by its strongest attacker, its
        `score` and its verdict, `says_member`.
    """
    audit, order = report.audit, exposed_first(report)
    member, label = audit.member[audit.judged][order], audit.y[audit.judged][order]
    rows = audit.judged_numbers[order]
    columns: dict[str, Array] = {
        "row": rows,
        "rank": np.where(member, np.arange(1, len(rows) + 1), 0),
        "member": member,
        "label": label,
    }
    if audit.classes:
        columns["class"] = np.array([audit.class_name(one) for one in label])
    if audit.group is not None:
        columns["group"] = audit.group[audit.judged][order]
    columns["false_alarms"] = false_alarms(report.worst, audit.member[audit.judged])[order]
    for result in strongest_of_each_attack(report.results):
        columns[f"{result.attack.code}.score"] = result.scores[order]
        columns[f"{result.attack.code}.says_member"] = result.said[order]
    return columns
