"""Figures as text; an interval is not broken across lines."""

from collections.abc import Callable, Sequence

from dynanoise_export.intervals import Interval
from dynanoise_export.printable import printable
from dynanoise_export.reports.attack_grid import attacker_name
from dynanoise_export.reports.attack_wording import queries_text, who


def figure(value: float) -> str:
    """Write an AUC or a figure like it; nothing is -0.000."""
    return f"{value + 0.0:.3f}".replace("-0.000", "0.000").replace("-", "\N{MINUS SIGN}")


def ends(interval: Interval) -> str:
    """Write the interval of a figure."""
    return _ends(interval, figure)


def percent(value: float) -> str:
    """Write a share."""
    return f"{value:.1%}"


def percent_ends(interval: Interval) -> str:
    """Write the interval of a share."""
    return _ends(interval, percent)


def points(value: float) -> str:
    """Write a difference of shares, in percentage points."""
    return f"{100 * value + 0.0:.1f}".replace("-0.0", "0.0").replace("-", "\N{MINUS SIGN}")


def points_ends(interval: Interval) -> str:
    """Write the interval of a difference of shares."""
    return _ends(interval, points)


def _ends(interval: Interval, write: Callable[[float], str]) -> str:
    return f"[{write(interval.low)},\N{NO-BREAK SPACE}{write(interval.high)}]"


def rate(fpr: float) -> str:
    """Write a small FPR."""
    return f"{100 * fpr:.3g}%"


def listed(names: Sequence[str]) -> str:
    """Write names one after another, with semicolons between them if some contain commas."""
    if any("," in name for name in names):
        return "; ".join(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def capital(name: str) -> str:
    """Write a name with a capital letter, for the start of a line."""
    return name[:1].upper() + name[1:]


def colour_depth(auc: Interval) -> float:
    """Give the depth of an AUC's colour, from 0 for a coin toss to 1, so that small gains over a coin toss show."""
    return float(min(1.0, abs(auc.value - 0.5) * 2) ** 0.75)


def bar_length(auc: float) -> float:
    """Give the length of an AUC's bar, in percent: 0 for a coin toss, 100 for an attack that is never wrong."""
    return 100 * min(1.0, max(0.0, 2 * auc - 1))


FILTERS: dict[str, Callable[..., str | float]] = {
    "attacker_name": attacker_name,
    "who": who,
    "queries_text": queries_text,
    "figure": figure,
    "ends": ends,
    "percent": percent,
    "percent_ends": percent_ends,
    "points": points,
    "points_ends": points_ends,
    "printable": printable,
    "rate": rate,
    "listed": listed,
    "capital": capital,
    "colour_depth": colour_depth,
    "bar_length": bar_length,
}
