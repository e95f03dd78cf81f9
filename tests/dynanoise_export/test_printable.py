import re
import unicodedata

import pytest

from dynanoise_export.errors import UsageError
from dynanoise_export.printable import printable, printable_lines

# What forges words: a terminal's sequences, an OSC 8 link, direction, new lines, what can't be seen, a surrogate.
HIDDEN = ["\x1b[2K", "\x1b]8;;http://evil\x07", "\x9b2J", "\r", "\x08", "\u202e", "\u2066", "\u200b", "\ufeff",
          "\u2028", "\u3164", "\u2800", "\ufe0f", "\U000e0041", "\U000e0101", "\udc80", "\x85", "\x7f"]  # fmt: skip


@pytest.mark.parametrize("hidden", HIDDEN)
def test_what_is_hidden_is_escaped_and_can_be_read_back(hidden):
    shown = printable(f"a{hidden}é")
    assert shown.startswith("a\\")
    assert shown.endswith("é")
    assert not any(unicodedata.category(char).startswith("C") for char in shown)
    assert (
        re.sub(r"\\(x..|u....|U........|r)", lambda m: m[0].encode().decode("unicode_escape"), shown) == f"a{hidden}é"
    )


def test_plain_texts_stay_as_they_are_and_an_escape_is_not_escaped_again():
    for text in ("σ₀² ≥ 0,3 – 値 ✓", "float32[batch, 64]", r"C:\new", ""):
        assert printable(text) == text
    assert printable(printable("\x1b\n")) == printable("\x1b\n")


def test_lines_stay_lines():
    assert printable_lines("one\ntwo\x1b\n") == "one\ntwo\\x1b\n"
    assert "\n" not in printable("one\ntwo")


@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_message_has_nothing_hidden(hidden):
    message = str(UsageError(f"a{hidden}b"))
    assert printable(message) == message
    assert str(UsageError(message)) == message  # as when another process sends it
