"""docs/validate.md lists every check, every outcome and every mutant."""

import re
from pathlib import Path

from dynanoise_export.validation.check import CheckCode, Outcome
from support.channel_mutants import OF_A_FLATTENED_CHANNEL, OF_A_KEYED_CHANNEL, OF_THE_CHANNEL
from support.graph_mutants import OF_AN_EXPORT, OF_THE_GRAPH
from support.guard_mutants import OF_A_GUARD
from support.keyed_mutants import OF_A_KEYED_EXPORT
from support.mutants import OF_THE_FORMULA, OF_THE_NOISE
from support.noise_free_mutants import OF_A_FLATTENED_EXPORT, OF_A_NOISE_FREE_EXPORT
from support.score_mutants import OF_A_FLOORED_EXPORT, OF_THE_SCORES

MUTANTS = (
    *OF_THE_FORMULA,
    *OF_THE_NOISE,
    *OF_THE_GRAPH,
    *OF_AN_EXPORT,
    *OF_THE_CHANNEL,
    *OF_A_KEYED_CHANNEL,
    *OF_A_FLATTENED_CHANNEL,
    *OF_A_KEYED_EXPORT,
    *OF_A_NOISE_FREE_EXPORT,
    *OF_A_FLATTENED_EXPORT,
    *OF_THE_SCORES,
    *OF_A_FLOORED_EXPORT,
)


def rows(section):
    """Give the rows of the table in a section of the document, without its head."""
    text = (Path(__file__).parents[3] / "docs" / "validate.md").read_text(encoding="utf-8")
    lines = text.split(f"\n## {section}\n")[1].split("\n## ")[0].splitlines()
    return [line for line in lines if line.startswith("|")][2:]


def codes(section):
    """Give the codes in the first column of a table, in their order."""
    return [code for row in rows(section) for code in re.findall(r"`([^`]+)`", row.split("|")[1])]


def test_it_lists_each_check_once():
    assert sorted(codes("The checks")) == sorted(CheckCode)


def test_it_lists_each_outcome():
    assert codes("Outcomes") == list(Outcome)


def test_it_lists_each_mutant_and_its_check():
    assert len(MUTANTS) >= 95
    caught = [*((mutant.name, mutant.check) for mutant in MUTANTS), *OF_A_GUARD.items()]
    assert rows("What it catches") == [f"| {name} | `{check}` |" for name, check in caught]
