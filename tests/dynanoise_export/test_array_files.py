import io
import os
import struct
import zipfile

import numpy as np
import pytest

from dynanoise_export.array_files import UNPACKED, array_names, map_array, read_arrays
from dynanoise_export.errors import DataError, FileAccessError, FormatError

X = np.arange(6, dtype=np.float32).reshape(3, 2)


def npy(array, shape=None, descr=None):
    """Write an array as .npy, with another shape or type in its header if one is given."""
    header = repr({"descr": descr or array.dtype.str, "fortran_order": False, "shape": shape or array.shape}) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + array.tobytes()


def archive(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def saved(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


HOSTILE = {
    "not an array": b"numbers",
    "empty": b"",
    "objects": saved(np.array([{}, 1], object), allow_pickle=True),
    "records": saved(np.zeros(3, [("a", "f4"), ("b", "O")]), allow_pickle=True),
    "void": saved(np.zeros(3, "V4")),
    "dates": saved(np.zeros(3, "M8[s]")),
    "cut short": saved(X)[:-1],
    "a huge shape": npy(X, shape=(1 << 40, 1 << 20)),
    "a negative shape": npy(X, shape=(-3, -2)),
    "values without bytes": npy(np.zeros(0, "S1"), shape=(1 << 40,), descr="|S0"),
    "a shape of another type": npy(X, shape=("3", 2)),
    "a type of another type": npy(X, descr="f4); import os #"),
    "another version": b"\x93NUMPY\x09\x00" + saved(X)[8:],
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=list(HOSTILE))
def test_what_is_no_array_of_numbers_or_texts_is_refused_by_name(tmp_path, content):
    path = archive(tmp_path / "rows.npz", {"x.npy": content})
    with pytest.raises(DataError, match=r"rows\.npz"):
        read_arrays(path, ["x"], "a bundle", DataError)
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(FormatError, match=r"x\.npy"):
        map_array(tmp_path / "x.npy")


def test_arrays_are_read_from_a_file_and_mapped_from_a_folder(tmp_path):
    np.savez_compressed(tmp_path / "rows.npz", x=X, text=np.array(["é", "b"]), one=np.float64(2))
    assert sorted(array_names(tmp_path / "rows.npz", "an .npz file")) == ["one", "text", "x"]
    read = read_arrays(tmp_path / "rows.npz", ["x", "text", "one"], "an .npz file")
    np.testing.assert_array_equal(read["x"], X)
    assert (read["text"].tolist(), read["one"].item()) == (["é", "b"], 2)
    np.save(tmp_path / "x.npy", X.T)
    assert array_names(tmp_path, "a folder") == ["x"]
    mapped = read_arrays(tmp_path, ["x"], "a folder")["x"]
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, X.T)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    header = npy(np.zeros(0, np.uint8), shape=(2 * UNPACKED,), descr="|u1")
    with zipfile.ZipFile(tmp_path / "rows.npz", "w", zipfile.ZIP_STORED) as file:
        file.writestr("x.npy", header)
    # What a directory says of the size is believed before anything is unpacked, so that a small file can lie.
    content = (tmp_path / "rows.npz").read_bytes()
    told, size = struct.pack("<L", len(header)), struct.pack("<L", len(header) + 2 * UNPACKED)
    place = content.rindex(b"PK\x01\x02") + 24
    assert content[place : place + 4] == told
    (tmp_path / "rows.npz").write_bytes(content[:place] + size + content[place + 4 :])
    with pytest.raises(FormatError, match=r"rows\.npz"):
        read_arrays(tmp_path / "rows.npz", ["x"], "an .npz file")


def test_a_missing_array_and_a_pipe_are_refused_at_once(tmp_path):
    np.savez(tmp_path / "rows.npz", x=X)
    with pytest.raises(FormatError, match=r"rows\.npz"):
        read_arrays(tmp_path / "rows.npz", ["y"], "an .npz file")
    os.mkfifo(tmp_path / "pipe.npy")
    for read in (lambda path: array_names(path, "an .npz file"), map_array):
        with pytest.raises(FileAccessError, match=r"pipe\.npy"):
            read(tmp_path / "pipe.npy")
