"""The command `list`."""

from dynanoise_cli import options
from dynanoise_cli.console import console_beside
from dynanoise_export.packages import require_packages


def list_targets(json: options.Json = None) -> None:
    """Show all targets with their data set, size, training and accuracy, and all defences at training time."""
    options.check_writable(json)
    require_packages("The targets need", "torch")

    from dynanoise_export.reports.documents import write_document
    from dynanoise_models.training_documents import list_document
    from dynanoise_models.training_terminal import print_defences, print_targets

    console = console_beside(json)
    print_targets(console)
    print_defences(console)
    if json is not None:
        write_document(list_document(), json)
