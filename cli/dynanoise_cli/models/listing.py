"""The command `list`."""

from dynanoise_cli import options
from dynanoise_cli.console import console_beside


def list_targets(json: options.Json = None) -> None:
    """Show the targets: their data, size, training and accuracy."""
    from dynanoise_export.reports.documents import write_document
    from dynanoise_models.reporting import print_targets, targets_document

    print_targets(console_beside(json))
    if json is not None:
        write_document(targets_document(), json)
