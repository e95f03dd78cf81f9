import json
import re

import numpy as np
import pytest

from dynanoise_export import FileAccessError, MissingPackageError
from dynanoise_export.playground import page_folder
from dynanoise_export.playground.beginning import Beginning
from dynanoise_export.playground.page_folder import PAGE, require_runtime, write_playground
from dynanoise_export.playground.queries import Queries, Query


@pytest.fixture(autouse=True)
def some_runtime(tmp_path, monkeypatch):
    """Let the tests of the folder pass where the build could not fetch the runtime."""
    monkeypatch.setattr(page_folder, "RUNTIME", tmp_path)


def test_the_folder_has_all_that_the_page_asks_for(tmp_path):
    folder = write_playground(tmp_path / "page")
    for source in folder.glob("*.[hj][ts]*"):  # the page and its modules
        for name in re.findall(r'(?:from|src=|href=) ?"(?!data:)([^"]+)"', source.read_text("utf-8")):
            assert (folder / name).is_file() or name.startswith("./runtime/"), f"{source.name} asks for {name}"
    content = json.loads((folder / "playground.json").read_text())
    assert {len(query["logits"]) for query in content["queries"]} == {len(content["classes"])}
    assert len(content["heads"]) == 6
    assert all((folder / head["file"]).is_file() for head in content["heads"])


def test_names_of_files_can_not_turn_the_text_around(tmp_path):
    queries = Queries(("a\u202eb", "c"), (Query("d\u2066", np.zeros(2)),), "e\u200f")
    made = write_playground(tmp_path / "page", beginning=Beginning(queries=queries))
    content = json.loads((made / "playground.json").read_text())
    shown = "".join((content["origin"], *content["classes"], content["queries"][0]["name"]))
    assert not re.search("[\u200f\u202e\u2066]", shown)


def test_an_earlier_page_is_replaced(tmp_path):
    folder = write_playground(tmp_path / "page")
    (folder / "left-over.txt").touch()
    write_playground(folder)
    assert not (folder / "left-over.txt").exists()


def test_other_files_stay(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").touch()
    (tmp_path / "link").symlink_to("home")
    for name in ("home", "link", "home/letter.txt", "missing/page"):
        with pytest.raises(FileAccessError):
            write_playground(tmp_path / name)
    assert (tmp_path / "home" / "letter.txt").is_file()


def test_without_the_runtime_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(page_folder, "RUNTIME", tmp_path / "none")
    with pytest.raises(MissingPackageError):
        write_playground(tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_the_licence_of_the_runtime_is_beside_it():
    assert "Microsoft" in (PAGE / "onnxruntime-web-licence.txt").read_text()


def test_this_installation_has_the_runtime(monkeypatch):
    monkeypatch.undo()
    try:
        require_runtime()
    except MissingPackageError as missing:
        pytest.skip(str(missing))
