import hashlib
import os
import socket
import stat
from pathlib import Path

import pytest

from dynanoise_export.errors import FileAccessError, UsageError
from dynanoise_export.files import folder_written_whole, require_different, require_writable, sha256, written_whole


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


posix = pytest.mark.skipif(os.name != "posix", reason="other systems have other files")


@posix
def test_devices_pipes_and_sockets_are_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        (tmp_path / "link").symlink_to("/dev/null")
        (tmp_path / "output").symlink_to("/proc/self/fd/1")
        devices = ["/dev/null", "/dev/stdout", "/dev/stderr", "/dev/zero", "/proc/self/fd/1", "/dev/fd/1"]
        for path in (*(tmp_path / name for name in ("pipe", "socket", "link")), *map(Path, devices)):
            with pytest.raises(FileAccessError, match=path.name):
                require_writable(path)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("name", ["n" * 300, "é" * 200, "a\0b", "a\0/b", "file/b"])
def test_impossible_names_are_refused(tmp_path, name):
    (tmp_path / "file").touch()
    for write in (require_writable, enter(written_whole), enter(folder_written_whole)):
        with pytest.raises(FileAccessError):
            write(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def enter(context):
    def write(path):
        with context(path):
            pass

    return write


def test_a_long_name_that_is_possible_is_written(tmp_path):
    for name in ("n" * 250, "é" * 125):
        with written_whole(tmp_path / name) as staged:
            staged.write_text("new")
        assert (tmp_path / name).read_text() == "new"


@posix
def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("link", "dangling"):
        with written_whole(tmp_path / name) as staged:
            staged.write_text("new")
        assert (tmp_path / name).read_text() == "new"
        assert not (tmp_path / name).is_symlink()
    assert (tmp_path / "target").read_text() == "old"


def write_both(staged):
    staged.write_text("model")
    staged.with_name("model.onnx.data").write_text("weights")


def test_what_is_in_the_way_of_a_file_beside_it_stops_the_whole(tmp_path):
    (tmp_path / "model.onnx.data").mkdir()
    with pytest.raises(FileAccessError), written_whole(tmp_path / "model.onnx") as staged:
        write_both(staged)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx.data"]


def test_a_file_is_no_folder_to_replace(tmp_path):
    (tmp_path / "rows").write_text("old")
    with pytest.raises(FileAccessError, match="rows"), folder_written_whole(tmp_path / "rows"):
        pass
    assert (tmp_path / "rows").read_text() == "old"


@posix
def test_private_files_are_their_owner_s(tmp_path):
    with written_whole(tmp_path / "model.onnx", private=True) as staged:
        write_both(staged)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


@posix
def test_two_names_of_one_file_are_the_same(tmp_path):
    (tmp_path / "a").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "dangling").symlink_to("b")
    os.link(tmp_path / "a", tmp_path / "hard")
    for first, second in (("a", "a"), ("a", "link"), ("a", "hard"), ("b", "dangling"), ("b", "folder/../b")):
        with pytest.raises(UsageError):
            require_different({"one": tmp_path / first, "another": tmp_path / second, "none": None})
    require_different(
        {"one": tmp_path / "a", "another": tmp_path / "b", "none": None, "output": Path("-"), "o": Path("-")}
    )
