import hashlib

import pytest

from dynanoise_export.errors import FileAccessError
from dynanoise_export.files import folder_written_whole, require_writable, sha256, written_whole


def fail_after_writing(path):
    path.write_text("new")
    raise ZeroDivisionError


def test_the_digest_of_a_file_is_its_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_the_digest_of_several_files_depends_on_names_and_contents_and_not_on_their_order(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    both = sha256(one, two)
    assert both == sha256(two, one)
    digests = [hashlib.sha256(content).hexdigest() for content in (b"1", b"2")]
    assert both == hashlib.sha256(f"one {digests[0]}\ntwo {digests[1]}\n".encode()).hexdigest()
    two.write_bytes(b"3")
    assert sha256(one, two) != both


def test_a_file_appears_with_those_beside_it_when_the_block_ends(tmp_path):
    with written_whole(tmp_path / "model.onnx") as staged:
        staged.write_text("model")
        staged.with_name("model.onnx.data").write_text("weights")
        assert not (tmp_path / "model.onnx").exists()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "model.onnx": "model", "model.onnx.data": "weights"
    }  # fmt: skip


def test_after_an_error_the_old_file_is_there_and_nothing_else(tmp_path):
    (tmp_path / "model.onnx").write_text("old")
    with pytest.raises(ZeroDivisionError), written_whole(tmp_path / "model.onnx") as staged:
        fail_after_writing(staged)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "old").write_text("old")
    with pytest.raises(ZeroDivisionError), folder_written_whole(tmp_path / "rows") as staged:
        fail_after_writing(staged / "new")
    assert [path.name for path in (tmp_path / "rows").iterdir()] == ["old"]
    with folder_written_whole(tmp_path / "rows") as staged:
        (staged / "new").write_text("new")
    assert [path.name for path in (tmp_path / "rows").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["rows"]


def test_an_error_of_the_disk_names_the_file(tmp_path):
    with pytest.raises(FileAccessError, match=r"model\.onnx"), written_whole(tmp_path / "model.onnx"):
        raise OSError(28, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_whether_a_file_can_be_written_is_known_before_the_work(tmp_path):
    require_writable(tmp_path / "new")
    require_writable(tmp_path.__class__("-"))
    for path in (tmp_path, tmp_path / "nowhere" / "new"):
        with pytest.raises(FileAccessError, match=str(path)):
            require_writable(path)
    with pytest.raises(FileAccessError, match="nowhere"), written_whole(tmp_path / "nowhere" / "new"):
        raise AssertionError
