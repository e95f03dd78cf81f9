"""Foreign texts, such as names in a file or answers of a server, in a form that can't forge what surrounds them."""

import re
import unicodedata

# Control characters and line ends; marks that change the direction of a text; marks that can't be seen; surrogates.
UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Colours and other sequences for a terminal, which say nothing and are left out of sentences.
COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def printable(text: str) -> str:
    """Write what can't be printed, or would act on a terminal or a page, as its escape: `\\x1b`, `\\u202e`."""
    return "".join(_escaped(char) if unicodedata.category(char) in UNPRINTABLE else char for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
