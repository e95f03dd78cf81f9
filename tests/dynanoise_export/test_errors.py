import inspect

import pytest

from dynanoise_export import errors
from dynanoise_export.errors import LONGEST_REASON, NoiseError, UsageError, UserError, first_line, reason_of

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, UserError)]


def test_every_kind_is_a_user_error_with_a_code_of_its_own():
    assert len(KINDS) == 12
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert UserError.code == "user-error"
    assert all(code == code.lower() and " " not in code for code in codes)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_caught_as_a_user_error(kind):
    with pytest.raises(UserError, match=r"model\.pt"):
        raise kind("model.pt can't be used.")


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("It failed.", "It failed."),
        ("It failed. Then it failed again.", "It failed"),
        ("Version 1.2. It failed.", "Version 1.2"),
        ("At line 3.5 it failed", "At line 3.5 it failed"),
        ("  first\nsecond", "first"),
        ("\x1b[1;31mIn red\x1b[m. And not", "In red"),
        ("\x1b[m", "ValueError"),
        ("", "ValueError"),
    ],
)
def test_the_first_sentence_of_a_message(message, line):
    assert first_line(ValueError(message)) == line


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("\x1b[1;31mrows.npz\x1b[0m is damaged.", "rows.npz is damaged."),
        ("rows.npz\n  is damaged:\r\n\tit is empty.\n", "rows.npz is damaged: it is empty."),
        ("a\u2028b\x85c\x07d\x9be", "a b c d e"),
        ("my  own.npz is damaged.", "my  own.npz is damaged."),  # the file's name may have two spaces
        ("", ""),
    ],
)
@pytest.mark.parametrize("kind", [UserError, UsageError])
def test_every_message_is_on_one_line_without_colours(kind, message, line):
    assert str(kind(message)) == line


def test_a_long_message_is_shortened():
    line = first_line(ValueError("x" * 1000))
    assert line == "x" * LONGEST_REASON + "…"


def test_a_reason_goes_on_within_another_sentence():
    assert reason_of(NoiseError("The noise is dead.")) == "The noise is dead"
    assert reason_of(UsageError("give -o")) == "give -o"
