"""Foreign texts, such as names in a file or answers of a server, in a form that can't forge what surrounds them."""

import re
import unicodedata

# Control characters and line ends; marks that change the direction of a text; marks that can't be seen; surrogates.
UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters, symbols and accents that can't be seen either: fillers, the empty Braille cell, selectors of a variant.
UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
# Colours and other sequences for a terminal, which say nothing and are left out of sentences.
COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def printable(text: str) -> str:
    r"""Write what can't be printed, or would act on a terminal or a page, as its escape: `\x1b`, `\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) if _is_hidden(char) else char for char in text)


def printable_lines(text: str) -> str:
    """Do the same with a text of several lines, which stay lines."""
    return "\n".join(map(printable, text.split("\n")))


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in UNPRINTABLE or UNSEEN.match(char) is not None


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
