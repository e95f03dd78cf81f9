import sys

import pytest

from dynanoise_export.errors import UsageError
from dynanoise_export.sources.user_code import find_named, importing_from


def test_a_module_of_the_folder_is_found_within_the_block(tmp_path):
    (tmp_path / "own_code_of_a_user.py").write_text("class Holder:\n    value = 3\n")
    before = list(sys.path)
    with importing_from(tmp_path):
        assert find_named("--train", "own_code_of_a_user:Holder.value") == 3
    assert sys.path == before


def test_the_path_is_left_as_it_was_after_an_error(tmp_path):
    before = list(sys.path)
    with pytest.raises(UsageError, match="--train"), importing_from(tmp_path):
        find_named("--train", "missing_module_of_a_user:train")
    assert sys.path == before


@pytest.mark.parametrize(
    "location", ["", "json", "json:", ":loads", "json:missing", "json.missing:x", "this is:no name"]
)
def test_what_can_not_be_imported_is_one_sentence(location):
    with pytest.raises(UsageError, match="--train"):
        find_named("--train", location)


def test_a_module_that_exits_when_it_is_imported_is_refused(tmp_path):
    (tmp_path / "exiting_code_of_a_user.py").write_text("raise SystemExit(0)\n")
    with importing_from(tmp_path), pytest.raises(UsageError, match="SystemExit"):
        find_named("--train", "exiting_code_of_a_user:train")
