"""Cached answers that somebody else wrote are not used."""

import io
import json
import os

import numpy as np
import pytest

from dynanoise_export.attacks.asking.cache_key import cache_key, key_path
from dynanoise_export.attacks.asking.response_cache import ResponseCache, cached_answers
from dynanoise_export.attacks.audit_warnings import WarningCode, cache_warnings

READINGS = np.arange(6.0).reshape(2, 3)


@pytest.fixture(autouse=True)
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    return tmp_path / "settings"


@pytest.fixture
def folder(tmp_path):
    saved = tmp_path / "answers"
    ResponseCache(saved, "model", "bundle").save("repeats", 12, readings=READINGS)
    return saved


def codes(cache):
    return [warning.code for warning in cache_warnings([cache])]


def test_own_answers_are_used_and_counted(folder):
    cache = ResponseCache(folder, "model", "bundle")
    loaded = cache.load("repeats")
    assert list(loaded) == ["readings"]
    np.testing.assert_array_equal(loaded["readings"], READINGS)
    found = cached_answers([cache])
    assert found.count == 12
    assert found.oldest == found.newest
    assert found.oldest.endswith("+00:00")
    assert codes(cache) == [WarningCode.ANSWERS_FROM_CACHE]


def test_a_run_without_cached_answers_warns_of_nothing(tmp_path):
    cache = ResponseCache(tmp_path / "none", "model", "bundle")
    assert cache.load("repeats") is None
    assert cached_answers([cache]) is None
    assert codes(cache) == []


def plain(folder):
    """Write the arrays without a signature, as an earlier version did."""
    buffer = io.BytesIO()
    np.savez(buffer, readings=READINGS, number_of_answers=12)
    return buffer.getvalue()


def changed(folder):
    (path,) = folder.iterdir()
    content = bytearray(path.read_bytes())
    content[-200] ^= 1
    return bytes(content)


def signed_by_another(folder):
    (path,) = folder.iterdir()
    key = key_path()
    key.unlink()
    ResponseCache(folder.parent / "theirs", "model", "bundle").save("repeats", 12, readings=READINGS)
    theirs = (folder.parent / "theirs" / path.name).read_bytes()
    key.unlink()
    return theirs


def dated_otherwise(folder):
    (path,) = folder.iterdir()
    head, _, content = path.read_bytes().partition(b"\n")
    return json.dumps(json.loads(head) | {"written": "2001-01-01T00:00:00+00:00"}).encode() + b"\n" + content


def signature_of_another_type(folder):
    return b'{"written": [], "signature": 1}\n'


@pytest.mark.parametrize(
    "forged",
    [plain, changed, signed_by_another, dated_otherwise, signature_of_another_type, lambda folder: b"", lambda f: b"{"],
)
def test_answers_without_this_users_signature_are_asked_again(folder, forged):
    (path,) = folder.iterdir()
    path.write_bytes(forged(folder))
    cache = ResponseCache(folder, "model", "bundle")
    assert cache.load("repeats") is None
    assert codes(cache) == [WarningCode.CACHE_NOT_SIGNED]


@pytest.mark.parametrize(("model", "stage"), [("model", "neighbours"), ("other", "repeats")])
def test_answers_to_other_queries_are_not_these(folder, model, stage):
    (path,) = folder.iterdir()
    own = ResponseCache(folder, model, "bundle")
    own.save(stage, 12, readings=READINGS)
    other = next(one for one in folder.iterdir() if one != path)
    other.write_bytes(path.read_bytes())
    assert ResponseCache(folder, model, "bundle").load(stage) is None


def test_the_key_is_for_its_owner_alone(folder):
    assert key_path().stat().st_mode & 0o777 == 0o600
    assert cache_key() == cache_key()
    assert cache_key() not in next(folder.iterdir()).read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("spoil", ["open", "link", "short", "file", "no home"])
def test_without_a_key_of_its_own_nothing_is_cached(folder, settings, monkeypatch, tmp_path, spoil):
    key = key_path()
    if spoil == "open":
        key.chmod(0o644)
    elif spoil == "link":
        key.rename(tmp_path / "elsewhere")
        key.symlink_to(tmp_path / "elsewhere")
    elif spoil == "short":
        key.write_bytes(b"short")
    elif spoil == "file":
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    else:
        monkeypatch.setenv("XDG_CONFIG_HOME", "/proc/none")
    cache = ResponseCache(folder, "model", "bundle")
    assert cache.load("repeats") is None
    cache.save("neighbours", 12, readings=READINGS)
    assert len(list(folder.iterdir())) == 1
    assert codes(cache) == [WarningCode.CACHE_WITHOUT_KEY]


def test_a_pipe_in_place_of_a_file_is_not_opened(folder):
    (path,) = folder.iterdir()
    path.unlink()
    os.mkfifo(path)
    assert ResponseCache(folder, "model", "bundle").load("repeats") is None
