"""Progress for benchmarks: one line that is written again."""

from dataclasses import dataclass

from dynanoise_export.types import Step


@dataclass
class Printed:
    """Prints progress on one line, each percent once."""

    last: str = ""

    def __call__(self, step: Step) -> None:
        """Print a step, with whole percents if it can be counted."""
        line = f"{step.what} {step.done / step.total:.0%}" if step.total else step.what
        if line != self.last:
            self.last = line
            print(f"\r  {line:60}", end="", flush=True)
