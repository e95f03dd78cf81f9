"""How a conversion to float16 is told to people."""

from typing import TypedDict

from dynanoise_export.runtimes.checked_float16 import Float16Check

# More nodes are counted, not named.
MOST_NAMED = 3


class KeptDocument(TypedDict):
    """A node that stays in float32, and why."""

    node: str
    operator: str
    why: str


class Float16Document(TypedDict):
    """How a model was converted to float16.

    Attributes:
        kept_in_fp32: the nodes that float16 can't hold.
        difference: the mean total variation between the answers in float16 and in float32.
        rows: how many rows were compared.
        made_up: whether the rows are made up; real rows may hold larger values.
    """

    kept_in_fp32: list[KeptDocument]
    difference: float
    rows: int
    made_up: bool


def float16_document(check: Float16Check) -> Float16Document:
    """Describe a conversion for programs."""
    kept = [KeptDocument(node=node.name, operator=node.operator, why=node.why) for node in check.kept]
    return {"kept_in_fp32": kept, "difference": check.difference, "rows": check.rows, "made_up": check.made_up}


def float16_text(check: Float16Check) -> str:
    """Describe a conversion for people."""
    compared = f"compared with fp32 on {check.rows} {'made-up' if check.made_up else 'real'} rows"
    doubt = ": real rows may hold larger values, so give some with --example when you export" if check.made_up else ""
    return f"fp16 before the defence{_kept(check)}; {compared}{doubt}"


def _kept(check: Float16Check) -> str:
    if not check.kept:
        return ""
    named = ", ".join(map(str, check.kept[:MOST_NAMED]))
    others = len(check.kept) - MOST_NAMED
    return f"; kept in fp32: {named}" + (f" and {others} more" if others > 0 else "")
