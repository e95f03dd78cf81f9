"""The one exception for what a user can put right."""

import re

LONGEST_REASON = 300


class UserError(Exception):
    """A usage error or an input that can't be used.

    Its message is one sentence that names the file and the way out; the command line prints it
    without a traceback and exits with status 2.
    """


def first_line(error: BaseException) -> str:
    """Give the first sentence of what an exception says, not all of a long one, or its name where it says nothing."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    sentence = re.split(r"\.\s+(?=[A-Z])", line)[0]
    return sentence if len(sentence) <= LONGEST_REASON else f"{sentence[:LONGEST_REASON]}…"
