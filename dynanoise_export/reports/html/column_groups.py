"""The table of attacks and attackers, whose columns stand in groups."""

from itertools import groupby

from dynanoise_export.reports.attack_grid import Grid


def groups(grid: Grid) -> list[tuple[str, int]]:
    """Tell what stands above columns that are alike, and above how many."""
    return [(group, len(list(alike))) for group, alike in groupby(grid.columns, key=lambda column: column.group)]
