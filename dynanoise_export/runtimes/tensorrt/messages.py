"""What TensorRT reports while it works."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

# Plain texts, through Python's own logging.
SETTINGS = {"use_python_logging_system": True, "colors": False, "letter": False}


@contextmanager
def collected_errors() -> Iterator[list[str]]:
    """Collect the errors that a backend reports through Polygraphy, in the order in which they come.

    Until the block ends, nothing of what it reports reaches the terminal.
    """
    from polygraphy.logger import G_LOGGER

    collector, logger = _Collector(logging.ERROR), logging.getLogger("Polygraphy")
    before, propagated = {name: getattr(G_LOGGER, name) for name in SETTINGS}, logger.propagate
    # The command line silences what libraries log, and errors must pass here.
    silenced = logging.root.manager.disable
    logging.disable(logging.WARNING)
    _set(G_LOGGER, SETTINGS)
    logger.propagate = False
    logger.addHandler(collector)
    try:
        with G_LOGGER.verbosity(G_LOGGER.ERROR):
            yield collector.errors
    finally:
        logging.disable(silenced)
        logger.removeHandler(collector)
        logger.propagate = propagated
        _set(G_LOGGER, before)


def reason(errors: list[str]) -> str:
    """Give the reason of a failure on one line: the last error with a code, or else the last error.

    Errors have the form "Call: Error Code 4: Kind (Reason. In function() at file:line)".
    """
    coded = [match[1] for line in errors if (match := re.search(r"Error Code \d+: [^(]*\((.*)\)", line, re.DOTALL))]
    text = (coded or errors or ["it gives no reason"])[-1]
    text = " ".join(re.sub(r"\.?\s*\bIn \S+ at \S+:\d+", "", text).split())
    return text if text.count("(") == text.count(")") and not text.startswith("(") else text.strip("()")


def _set(logger: object, settings: dict[str, bool]) -> None:
    for name, value in settings.items():
        setattr(logger, name, value)


class _Collector(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.errors.append(record.getMessage())
