"""What a terminal of 80 columns shows of an attack."""

import io
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from dynanoise_export.attacks.attackers import Attacker
from dynanoise_export.attacks.budgets import BudgetPoint
from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.results import FPRS
from dynanoise_export.defences.keep_label import KeptLabel
from dynanoise_export.intervals import Interval
from dynanoise_export.reports.attack_terminal import print_attack
from support.exposed import ESTIMATES, with_canaries
from support.query_plans import HOSTILE, NEIGHBOURS

WIDTH = 80


def shown(report, width=WIDTH):
    console = Console(width=width, file=io.StringIO(), highlight=False)
    print_attack(report, console)
    return console.file.getvalue()


def lines(report):
    """Print without gates on a wide terminal, so that each sentence is a line."""
    return shown(replace(report, gates=()), width=1000).splitlines()


@pytest.fixture(scope="module")
def outside(whole_report):
    """Give the report with an attacker outside the domain who is stronger than all others."""
    best = next(result for result in whole_report.results if result.attacker.name == HOSTILE)
    best = replace(best, auc=Interval(0.987, 0.98, 0.99))
    last = replace(whole_report.curve[-1], strongest=best)
    results = (*whole_report.results, best)
    return replace(whole_report, results=results, curve=(*whole_report.curve[:-1], last))


def test_the_first_line_is_the_strongest_attacker_with_its_budget_and_domain(whole_report):
    worst, (first, second, *_) = whole_report.worst, lines(whole_report)
    assert first.startswith(f"{worst.attack.name} ({worst.attacker.name})")
    assert f"AUC of {worst.auc.value:.3f} [{worst.auc.low:.3f}, {worst.auc.high:.3f}]" in first
    assert first.endswith(f"with {worst.attacker.queries} queries for each row, inside the domain of the rows (box)")
    assert second.startswith("Labels alone")


def test_the_strongest_inside_the_domain_follows_one_outside(outside):
    first, second, *_ = lines(outside)
    inside = outside.curve[-1].inside
    assert "0.987" in first
    assert first.endswith("with 1 query for each row, outside the domain of the rows (box)")
    assert f"{inside.attack.name} ({inside.attacker.name}) gets {inside.auc.value:.3f}" in second


def test_what_labels_alone_give_is_said_for_defences_that_keep_them_and_others(whole_report):
    def sentence(report):
        return next(line for line in lines(report) if line.startswith("Labels alone"))

    floor = f"{whole_report.label_floor.auc.value:.3f} with up to 16 queries for each row"
    assert floor in sentence(whole_report)
    kept = sentence(replace(whole_report, defence=KeptLabel(whole_report.defence)))
    assert floor in kept
    assert kept != sentence(whole_report)
    assert kept == sentence(replace(whole_report, defence=None, without=()))


def test_the_most_exposed_rows_follow_the_figures_of_all_rows(whole_report):
    exposed = whole_report.exposed
    (line,) = [line for line in lines(whole_report) if "most exposed rows" in line]
    assert line.startswith("On the 100 most exposed rows, which shadow models chose")
    assert f"({exposed.members} members)" in line
    assert f"{exposed.auc.value:.3f} [{exposed.auc.low:.3f}, {exposed.auc.high:.3f}]" in line
    assert f"ε at least {exposed.epsilon:.2f}" in line
    assert "FPR" not in line  # of so few rows
    (line,) = [line for line in lines(with_canaries(whole_report)) if "canaries" in line]
    assert line.startswith("On the 2,001 canaries (1,021 members)")
    assert all(figure in line for figure in ("0.913 [0.900, 0.930]", "1% FPR 0.2510", "ε at least 1.38"))
    assert "0.1% FPR" not in line


def test_without_shadow_models_there_is_an_estimate_of_what_they_would_add(whole_report, quick_report):
    assert not any("estimate" in line for line in [*lines(whole_report), *lines(quick_report)])
    (line,) = [line for line in lines(replace(quick_report, estimates=ESTIMATES)) if "estimate" in line]
    assert "0.69 at 1% FPR, 0.41 at 0.1% FPR" in line


def test_each_budget_has_its_strongest_attackers(whole_report):
    text = lines(whole_report)
    start = next(place for place, line in enumerate(text) if line.startswith("budget"))
    table = text[start + 2 : text.index("", start)]
    for point in whole_report.curve:
        (row,) = [place for place, line in enumerate(table) if line.split()[0] == f"{point.budget}"]
        assert f"{point.strongest.auc.value:.3f}"[1:] in table[row]
        assert point.strongest.attack.name in table[row]
        follow = next(line for line in table[row + 1 :] if line.lstrip().startswith("labels: "))
        assert f"{point.labels.auc.value:.3f}"[1:] in follow
    inside = [line for line in table if line.lstrip().startswith("box: ")]
    assert len(inside) == sum(point.strongest.attacker.domain is Domain.ANY for point in whole_report.curve)


def test_each_reading_has_a_row_the_strongest_first(whole_report):
    text = lines(whole_report)
    start = next(place for place, line in enumerate(text) if line.startswith("query plans"))
    rows = [line.split("  ") for line in text[start + 2 : text.index("", start)]]
    readings = {result.attacker for result in whole_report.results if result.attacker.plan}
    assert len(rows) == len(readings)
    aucs = [float(next(cell for cell in row if cell.strip().startswith("."))) for row in rows]
    assert aucs == sorted(aucs, reverse=True)
    (labels,) = [" ".join(row) for row in rows if row[0] == "labels of neighbours"]
    assert labels.split()[3:6] == [f"{NEIGHBOURS}", "box", "labels"]


def test_tprs_that_are_measured_have_columns(whole_report):
    tpr = {fpr: Interval(0.123, 0.1, 0.2) if fpr > 1e-3 else None for fpr in FPRS}
    results = tuple(replace(result, tpr=tpr) for result in whole_report.results)
    points = tuple(
        BudgetPoint(
            point.budget, *(replace(one, tpr=tpr) for one in (point.strongest, point.inside, point.labels))
        )
        for point in whole_report.curve
    )  # fmt: skip
    text = "\n".join(lines(replace(whole_report, results=results, curve=points)))
    assert text.count("1% FPR") > text.count("0.1% FPR")
    assert text.count("12.3%") >= 2 * len(points)


def test_all_tables_fit_into_80_columns(whole_report, outside):
    long = Attacker("label border, " * 9, True, True, 1024, Domain.BINARY, True, "border")
    wide = replace(outside.worst, attacker=long, tpr={fpr: Interval(1.0, 0.9, 1.0) for fpr in FPRS})
    crowded = replace(outside, results=(*outside.results, wide), curve=(BudgetPoint(1024, wide, wide, wide),))
    for report in (whole_report, outside, crowded):
        text = shown(report)
        assert all(cell_len(line) <= WIDTH for line in text.splitlines())
        assert "…" not in text
    assert "\u202e" not in shown(outside)


def test_the_grid_has_the_rows_themselves_alone(whole_report):
    text = lines(whole_report)
    head = next(line for line in text if line.startswith("AUC of the rows"))
    assert head.split()[-4:] == ["without", "naive", "×1", "×16"]


def test_usefulness_has_a_column_without_the_defence_and_one_with_it(whole_report):
    printed, (own, plain) = lines(whole_report), (whole_report.utility, whole_report.plain_utility)
    assert ["usefulness", "without", "with"] in [line.split() for line in printed]
    for name, figure in (("negative log-likelihood", "negative_log_likelihood"), ("Brier score", "brier_score")):
        (line,) = [line for line in printed if line.startswith(name)]
        expected = " ".join(str(getattr(one, figure)) for one in (plain, own))
        assert " ".join(line.split()).endswith(expected)
    (flips,) = [line for line in printed if line.startswith("labels flipped")]
    assert flips.split()[-1] == f"{whole_report.cost.flips:.2%}"
    assert any(line.startswith("top-5 accuracy") for line in printed) == (own.top_5_accuracy is not None)


def test_usefulness_of_one_model_has_one_column(whole_report):
    printed = lines(replace(whole_report, plain_utility=None, cost=None, without=(), tradeoffs=()))
    assert ["usefulness", "with"] in [line.split() for line in printed]
    assert not any(line.startswith("labels flipped") for line in printed)
