"""Names of strangers in the files of a repository."""

import ast

import pytest

pytest.importorskip("tritonclient")

from dynanoise_export.deployment.triton.labels import chosen_labels
from dynanoise_export.deployment.triton.readme import _literal
from dynanoise_export.printable import printable

FORGED = "x\u202e\u2028`$(touch no)`'\"\\ {0} </p>\U0001f600"


def test_each_label_stays_on_its_line():
    stated = ("cat\nlion", "dog\x1b[2K", "\u202ebird", "owl\x0bfish\x85\u2028", "plain é")
    labels = chosen_labels(None, stated, 5)
    assert labels == ("cat lion", "dog", "\\u202ebird", "owl fish", "plain é")
    assert all(printable(label) == label for label in labels)


@pytest.mark.parametrize("name", [FORGED, "a\n```\n# Title", "\udc80", "plain"])
def test_a_name_in_the_readme_is_one_literal_of_python(name):
    literal = _literal(name)
    assert ast.literal_eval(literal) == name
    assert literal.isascii()
    assert literal.isprintable()
