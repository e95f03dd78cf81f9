"""Optional packages: which extra of this distribution brings each, and the sentence if one is missing."""

from importlib.util import find_spec

from dynanoise_export.errors import MissingPackageError

# The name of the import, to the extra.
EXTRAS = {
    "torch": "torch", "safetensors": "torch", "sklearn": "torch", "transformers": "huggingface", "PIL": "images",
    "pyarrow": "parquet", "jinja2": "report", "plotly": "report", "cyclonedx": "report", "yaml": "report",
    "tritonclient": "triton",
    "captum": "defences", "opacus": "defences", "optuna": "tune",
}  # fmt: skip


def require_packages(purpose: str, *names: str) -> None:
    """Check that optional packages are installed.

    Args:
        purpose: what needs them, with its verb, as in "TorchScript files need".
        names: of their imports.

    Raises:
        MissingPackageError: one is not installed.
    """
    for name in names:
        if find_spec(name) is None:
            raise MissingPackageError(f"{purpose} the package {name}: pip install 'dynanoise-export[{EXTRAS[name]}]'.")
