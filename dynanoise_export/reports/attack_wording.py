"""Attackers in words: who they are, how many queries they send, and from which domain."""

from dynanoise_export.attacks.attack_report import AttackReport
from dynanoise_export.attacks.budgets import stays_inside
from dynanoise_export.attacks.domain import Domain
from dynanoise_export.attacks.results import Result
from dynanoise_export.reports.attack_grid import attacker_name

# What attackers send who keep to a domain.
INPUTS = {
    Domain.ANY: "any input",
    Domain.BOX: "numbers in the range of the rows",
    Domain.BINARY: "features of 0 and 1",
    Domain.IMAGE: "images",
    Domain.TOKENS: "tokens of the rows",
}


def who(result: Result, defended: bool) -> str:
    """Name an attack with its attacker."""
    if result.attacker.parts:
        return result.attacker.name
    return f"{result.attack.name} ({attacker_name(result.attacker, defended)})"


def queries_text(count: int) -> str:
    """Write a number of queries."""
    return f"{count} {'query' if count == 1 else 'queries'} for each row"


def within(budget: int) -> str:
    """Write the queries of a budget."""
    return queries_text(budget) if budget == 1 else f"up to {queries_text(budget)}"


def domain_of(result: Result, report: AttackReport) -> Domain:
    """Give the narrowest domain that holds all queries of a result; that of the rows for the rows themselves."""
    return result.attacker.domain or report.domain


def is_inside(result: Result, report: AttackReport) -> bool:
    """Whether all queries of a result are in the domain of the rows."""
    return stays_inside(result.attacker, report.domain)


def effort(result: Result, report: AttackReport) -> str:
    """Say how many queries an attacker sends, and whether they stay inside the domain of the rows."""
    side = "inside" if is_inside(result, report) else "outside"
    return f"with {queries_text(result.attacker.queries)}, {side} the domain of the rows ({report.domain})"


def scope(report: AttackReport) -> str:
    """Say for which attackers the figures hold."""
    return f"{within(report.budget)}, {INPUTS[report.allowed]}"


def label_floor_sentence(report: AttackReport) -> str:
    """Say what the labels alone give away, whatever the answers say beside them."""
    defence = report.defence
    keeps = defence is None or defence.keep_label or not defence.takes_noise
    so = "a defence that keeps the labels can't hide this" if keeps else "hiding the probabilities does not stop this"
    return f"Labels alone give an AUC of {report.label_floor.auc.value:.3f} with {within(report.budget)}: {so}."
