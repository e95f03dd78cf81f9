import pytest

from dynanoise_export.errors import UsageError
from dynanoise_export.runtimes.addresses import Address, is_url, parse_address


@pytest.mark.parametrize(
    ("url", "scheme", "server", "model", "version"),
    [
        ("http://127.0.0.1:8000/digits", "http", "127.0.0.1:8000", "digits", ""),
        ("http://127.0.0.1:8000/v2/models/digits", "http", "127.0.0.1:8000", "digits", ""),
        ("http://127.0.0.1:8000/v2/models/digits/versions/3", "http", "127.0.0.1:8000", "digits", "3"),
        ("https://models.example/ward/7/v2/models/digits/", "https", "models.example/ward/7", "digits", ""),
        ("grpc://[::1]:8001/digits", "grpc", "[::1]:8001", "digits", ""),
        ("grpcs://models.example:443/digits/versions/2", "grpcs", "models.example:443", "digits", "2"),
    ],
)
def test_a_url_is_taken_apart(url, scheme, server, model, version):
    assert parse_address(url) == Address(url, scheme, server, model, version)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000",
        "http://127.0.0.1:8000/",
        "http:///digits",
        "http://127.0.0.1:port/digits",
        "http://127.0.0.1:99999/digits",
        "ftp://127.0.0.1/digits",
        "http://127.0.0.1:8000/v2/models/digits/infer",
        "http://127.0.0.1:8000/a/digits",
        "http://somebody:secret@127.0.0.1:8000/digits",
        "http://127.0.0.1:8000/digits?version=1",
        "grpc://127.0.0.1:8001/ward/v2/models/digits",
    ],
)
def test_another_form_is_refused_with_the_right_one(url):
    with pytest.raises(UsageError, match="http://HOST:PORT/MODEL"):
        parse_address(url)


def test_a_path_is_not_a_url():
    assert not is_url("models/defended.onnx")
    assert not is_url("C:/models/defended.onnx")
    assert is_url("grpc://127.0.0.1:8001/digits")
