import pytest

from dynanoise_export.defences.dynanoise import DynaNoise
from support.judged import make_files


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Give a folder with a trained classifier, its rows, and its exports."""
    made = tmp_path_factory.mktemp("mutants")
    make_files(made)
    return made


@pytest.fixture(scope="session")
def paper():
    """Give the defence that the mutants in plain operators are judged by."""
    return DynaNoise()
