import hashlib
import os
import stat

import pytest

from dynanoise_export.errors import UserError
from dynanoise_export.exporting import ExportOptions
from dynanoise_export.noise.keyed.key import Key, KeyFile, key_beside, key_for, new_key, read_key
from dynanoise_export.noise.keyed.keyed_noise import KeyedNoise

SECRET = bytes(range(100, 132))
DIGITS = SECRET.hex()

posix = pytest.mark.skipif(os.name != "posix", reason="other systems have other permissions")


@pytest.fixture
def path(tmp_path):
    """Give the place of a key that is not there yet."""
    return tmp_path / "defended.onnx.key"


def write(path, content, mode=0o600):
    """Write a file with these permissions."""
    path.write_bytes(content)
    path.chmod(mode)
    return path


def refusal(path):
    """Read a key that can't be, and give the one sentence that says why."""
    with pytest.raises(UserError) as caught:
        read_key(path)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert DIGITS[:8] not in sentence
    return sentence


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


def test_the_secret_is_in_no_text_that_is_made_of_what_holds_it(path):
    key = Key(SECRET)
    file = KeyFile(path, key, new=True)
    options = ExportOptions(key_file=path)
    for holder in (key, file, KeyedNoise(key), KeyedNoise(key, (0.1, 1.0)), [file], options):
        for text in (repr(holder), str(holder), f"{holder}", f"{holder!r:.1000}"):
            assert DIGITS not in text.lower()
            assert repr(SECRET)[2:-1] not in text
            assert str(list(SECRET))[1:-1] not in text


def test_a_key_is_kept_beside_the_defended_file(tmp_path):
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
def test_a_new_key_is_for_its_owners_eyes_alone_from_the_start(path, mask):
    before = os.umask(mask)
    try:
        key_for(path).save()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_that_came_out_of_its_file_is_not_written_again(path):
    write(path, DIGITS.encode())
    file = key_for(path)
    assert (file.new, file.key.secret) == (False, SECRET)
    path.unlink()
    file.save()
    assert not path.exists()


def test_a_file_that_appears_meanwhile_is_left_alone(path):
    file = key_for(path)
    write(path, b"somebody else's")
    with pytest.raises(UserError) as caught:
        file.save()
    assert str(path) in str(caught.value)
    assert file.key.secret.hex() not in str(caught.value)
    assert path.read_bytes() == b"somebody else's"


@posix
def test_a_link_to_nowhere_is_not_followed(path, tmp_path):
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="Can't write the key"):
        key_for(path).save()
    assert not (tmp_path / "elsewhere").exists()


def test_a_key_in_a_folder_that_is_not_there_is_refused(tmp_path):
    path = tmp_path / "missing" / "key"
    with pytest.raises(UserError, match="Can't write the key") as caught:
        key_for(path).save()
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [DIGITS, DIGITS.upper(), f"  {DIGITS}\n", f"{DIGITS}\r\n\r\n"])
def test_a_key_may_be_written_in_capitals_and_among_blanks(path, content):
    assert read_key(write(path, content.encode())).secret == SECRET


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666, 0o777])
def test_a_key_that_others_can_get_at_is_refused(path, mode):
    sentence = refusal(write(path, DIGITS.encode(), mode))
    assert "chmod 600" in sentence
    with pytest.raises(UserError, match="chmod 600"):
        key_for(path)


@posix
@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700])
def test_a_key_that_only_its_owner_can_get_at_is_taken(path, mode):
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
def test_what_is_no_key_is_refused_and_not_told(path, content):
    assert "holds no key" in refusal(write(path, content))
    with pytest.raises(UserError, match="holds no key"):
        key_for(path)


def test_a_folder_is_no_key(tmp_path):
    folder = tmp_path / "key"
    folder.mkdir(mode=0o700)
    assert "Can't read the key" in refusal(folder)


def test_a_key_that_is_not_there_or_in_no_folder_can_not_be_read(path):
    assert "Can't read the key" in refusal(path)
    write(path, DIGITS.encode())
    assert "Can't read the key" in refusal(path / "key")


@posix
def test_a_key_that_its_owner_may_not_read_is_refused(path):
    write(path, DIGITS.encode(), 0o000)
    if os.access(path, os.R_OK):
        pytest.skip("nothing is forbidden to this user")
    assert "Can't read the key" in refusal(path)
