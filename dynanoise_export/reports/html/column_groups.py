"""The groups that the columns of the table of attacks and attackers stand in."""

from itertools import groupby

from dynanoise_export.reports.attack_grid import Grid


def groups(grid: Grid) -> list[tuple[str, int]]:
    """Give each group's heading, and how many columns it covers."""
    return [(group, len(list(columns))) for group, columns in groupby(grid.columns, key=lambda column: column.group)]
