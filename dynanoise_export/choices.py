"""Options that take one of a few names."""

from enum import StrEnum
from typing import TypeVar

from dynanoise_export.errors import UsageError

E = TypeVar("E", bound=StrEnum)


def choice(options: type[E], value: str, what: str) -> E:
    """Find the member of an enum that an option names.

    Args:
        options: the enum.
        value: the name that the user gave, or a member.
        what: the option is, for the message.

    Raises:
        UsageError: the enum has no such member.
    """
    names = [member.value for member in options]
    if value not in names:
        known = " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        raise UsageError(f"Unknown {what} {str(value)!r}; choose {known}.")
    return options(value)
