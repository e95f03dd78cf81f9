import hashlib
import os
import stat

import pytest

from dynanoise_export.errors import FileAccessError, NoiseError
from dynanoise_export.noise.keyed.key import Key, KeyFile, key_beside, key_for, new_key, read_key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise

SECRET = bytes(range(100, 132))
DIGITS = SECRET.hex()

posix = pytest.mark.skipif(os.name != "posix", reason="other systems have other permissions")


@pytest.fixture
def path(tmp_path):
    """Give the path of a key that does not exist yet."""
    return tmp_path / "defended.onnx.key"


def write(path, content, mode=0o600):
    """Write a file with these permissions."""
    path.write_bytes(content)
    path.chmod(mode)
    return path


def assert_refused(path, kind):
    """Read a key that can't be read; one sentence must name the file, and not show the key."""
    for read in (read_key, key_for):
        with pytest.raises(kind) as caught:
            read(path)
        sentence = str(caught.value)
        assert str(path) in sentence
        assert "\n" not in sentence
        assert sentence.endswith(".")
        assert DIGITS[:8] not in sentence


def test_a_stream_is_shake_256_of_the_key_and_the_label():
    for label, length in (("signs", 5), ("signs", 100), ("hashes 1", 5)):
        expected = hashlib.shake_256(SECRET + label.encode()).digest(length)
        assert Key(SECRET).stream(label, length) == expected
    assert Key(SECRET).stream("signs", 5) != Key(SECRET).stream("shifts 0", 5)


def test_the_fingerprint_is_16_digits_that_anybody_with_the_key_can_compute():
    fingerprint = Key(SECRET).fingerprint
    assert fingerprint == hashlib.shake_256(SECRET + b"fingerprint").hexdigest(8)
    assert len(fingerprint) == 16


def test_two_new_keys_differ_and_so_do_their_fingerprints():
    keys = [new_key() for _ in range(100)]
    assert {len(key.secret) for key in keys} == {32}
    assert len({key.secret for key in keys}) == 100
    assert len({key.fingerprint for key in keys}) == 100


def test_no_text_made_from_an_object_with_the_key_shows_it(path):
    key = Key(SECRET)
    file = KeyFile(path, key, new=True)
    for holder in (key, file, KeyedNoise(key), KeyedNoise(key, (0.1, 1.0)), [file]):
        for text in (repr(holder), str(holder), f"{holder}", f"{holder!r:.1000}"):
            assert DIGITS not in text.lower()
            assert repr(SECRET)[2:-1] not in text
            assert str(list(SECRET))[1:-1] not in text


def test_the_default_key_file_is_beside_the_defended_file(tmp_path):
    assert key_beside(tmp_path / "model.onnx") == tmp_path / "model.onnx.key"


def test_a_new_key_is_written_as_hexadecimal_digits_and_read_back(path):
    file = key_for(path)
    assert file.new
    assert not path.exists()
    file.save()
    assert path.read_bytes() == file.key.secret.hex().encode() + b"\n"
    assert read_key(path) == file.key
    again = key_for(path)
    assert again == KeyFile(path, file.key, new=False)


@posix
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_only_the_owner_can_read_a_new_key_from_the_start(path, mask):
    before = os.umask(mask)
    try:
        key_for(path).save()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_that_was_read_from_its_file_is_not_written_again(path):
    write(path, DIGITS.encode())
    file = key_for(path)
    assert (file.new, file.key.secret) == (False, SECRET)
    path.unlink()
    file.save()
    assert not path.exists()


def test_a_file_that_appears_in_the_meantime_is_not_changed(path):
    file = key_for(path)
    write(path, b"somebody else's")
    with pytest.raises(FileAccessError) as caught:
        file.save()
    assert str(path) in str(caught.value)
    assert file.key.secret.hex() not in str(caught.value)
    assert path.read_bytes() == b"somebody else's"


@posix
def test_a_link_to_nowhere_is_not_followed(path, tmp_path):
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileAccessError, match=str(path)):
        key_for(path).save()
    assert not (tmp_path / "nowhere").exists()


def test_a_key_in_a_missing_folder_is_refused(tmp_path):
    path = tmp_path / "missing" / "key"
    with pytest.raises(FileAccessError, match=str(path)):
        key_for(path).save()


@pytest.mark.parametrize("content", [DIGITS, DIGITS.upper(), f"  {DIGITS}\n", f"{DIGITS}\r\n\r\n"])
def test_capital_letters_and_blanks_in_a_key_are_accepted(path, content):
    assert read_key(write(path, content.encode())).secret == SECRET


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666, 0o777])
def test_a_key_that_others_can_read_or_change_is_refused(path, mode):
    assert_refused(write(path, DIGITS.encode(), mode), NoiseError)


@posix
@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700])
def test_a_key_that_only_its_owner_can_read_is_accepted(path, mode):
    assert read_key(write(path, DIGITS.encode(), mode)).secret == SECRET


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        DIGITS[:-1].encode(),
        DIGITS[:-2].encode(),
        DIGITS.encode() + b"00",
        DIGITS.encode() * 2,
        DIGITS[:-1].encode() + b"g",
        b"0x" + DIGITS.encode(),
        DIGITS.encode() + b"\xff",
        DIGITS[:-2].encode() + "é".encode(),
        SECRET,
        b"\x00" * 32,
        DIGITS.encode("utf-16"),
    ],
)
def test_a_file_without_a_key_is_refused_and_not_shown(path, content):
    assert_refused(write(path, content), NoiseError)


def test_a_folder_is_not_a_key(tmp_path):
    folder = tmp_path / "key"
    folder.mkdir(mode=0o700)
    assert_refused(folder, FileAccessError)


def test_a_missing_key_can_not_be_read(path):
    with pytest.raises(FileAccessError, match=str(path)):
        read_key(path)
    write(path, DIGITS.encode())
    assert_refused(path / "key", FileAccessError)


@posix
def test_a_key_that_its_owner_may_not_read_is_refused(path):
    write(path, DIGITS.encode(), 0o000)
    if os.access(path, os.R_OK):
        pytest.skip("nothing is forbidden to this user")
    assert_refused(path, FileAccessError)
