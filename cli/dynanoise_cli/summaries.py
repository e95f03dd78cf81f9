"""The summaries that several commands write: a section of a model card, and a bill of materials."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynanoise_export.reports.summaries.summary import Summary


def require_summaries(model_card: Path | None, ml_bom: Path | None) -> None:
    """Check, before long work, that the summaries can be written.

    Raises:
        UserError: a package is missing, or the model card that exists can't be edited.
    """
    if model_card is not None:
        from dynanoise_export.reports.summaries.model_card import require_model_card

        require_model_card(model_card)
    if ml_bom is not None:
        from dynanoise_export.reports.summaries.ml_bom import require_ml_bom

        require_ml_bom()


def write_summaries(summary: "Summary", model_card: Path | None, ml_bom: Path | None) -> None:
    """Write the summaries that the user asks for.

    Raises:
        UserError: one can't be written.
    """
    if model_card is not None:
        from dynanoise_export.reports.summaries.model_card import write_model_card

        write_model_card(summary, model_card)
    if ml_bom is not None:
        from dynanoise_export.reports.summaries.ml_bom import write_ml_bom

        write_ml_bom(summary, ml_bom)
