"""Figures in words; an interval is not broken across lines."""

from collections.abc import Callable, Sequence

from dynanoise_export.intervals import Interval
from dynanoise_export.reports.attack_grid import called


def figure(value: float) -> str:
    """Write an AUC, or what is told like one; nothing is -0.000."""
    return f"{value + 0.0:.3f}".replace("-0.000", "0.000").replace("-", "\N{MINUS SIGN}")


def ends(interval: Interval) -> str:
    """Write what a figure may be."""
    return _ends(interval, figure)


def percent(value: float) -> str:
    """Write a share."""
    return f"{value:.1%}"


def percent_ends(interval: Interval) -> str:
    """Write what a share may be."""
    return _ends(interval, percent)


def points(value: float) -> str:
    """Write a difference of shares, in percentage points."""
    return f"{100 * value + 0.0:.1f}".replace("-0.0", "0.0").replace("-", "\N{MINUS SIGN}")


def points_ends(interval: Interval) -> str:
    """Write what a difference of shares may be."""
    return _ends(interval, points)


def _ends(interval: Interval, written: Callable[[float], str]) -> str:
    return f"[{written(interval.low)},\N{NO-BREAK SPACE}{written(interval.high)}]"


def rate(fpr: float) -> str:
    """Write a small FPR."""
    return f"{100 * fpr:.3g}%"


def listed(names: Sequence[str]) -> str:
    """Write names one after another; where some have commas in them, semicolons stand between."""
    if any("," in name for name in names):
        return "; ".join(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def capital(name: str) -> str:
    """Let a name begin a line."""
    return name[:1].upper() + name[1:]


def strength(auc: Interval) -> float:
    """Tell how deeply an AUC is coloured, from 0 for a coin to 1; small gains over a coin have to show."""
    return float(min(1.0, abs(auc.value - 0.5) * 2) ** 0.75)


def along(auc: float) -> float:
    """Tell where an AUC stands, in percent of the way from a coin to certainty."""
    return 100 * min(1.0, max(0.0, 2 * auc - 1))


FILTERS: dict[str, Callable[..., str | float]] = {
    "called": called,
    "figure": figure,
    "ends": ends,
    "percent": percent,
    "percent_ends": percent_ends,
    "points": points,
    "points_ends": points_ends,
    "rate": rate,
    "listed": listed,
    "capital": capital,
    "strength": strength,
    "along": along,
}
