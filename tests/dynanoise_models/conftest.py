import pytest

from support.data_sets import public_folder, write_encoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Make a folder with a small data set for every target."""
    return public_folder(tmp_path_factory.mktemp("data"), rows=100)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """Make a folder with a small encoder and its tokenizer."""
    return write_encoder(tmp_path_factory.mktemp("encoder"))
