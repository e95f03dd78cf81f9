from http.client import HTTPConnection

import pytest

from dynanoise_export import UsageError
from dynanoise_export.playground.page_server import page_server
from support.browser import served


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    for name in ("index.html", "a.js", "a.mjs", "a.wasm", "a.json", "a.onnx"):
        (folder / name).write_text(name)
    with served(folder) as address:
        yield address


def answer(address, path, **headers):
    connection = HTTPConnection(address.removeprefix("http://").strip("/"))
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.getheader("Content-Type"), response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/a.js", "text/javascript"),
        ("/a.mjs", "text/javascript"),
        ("/a.wasm", "application/wasm"),
        ("/a.json", "application/json"),
        ("/a.onnx", "application/octet-stream"),
    ],
)
def test_each_file_has_the_type_that_browsers_ask_for(address, path, kind):
    assert answer(address, path)[:2] == (200, kind)


def test_it_answers_to_no_other_name(address):
    assert answer(address, "/", Host="rebound.example:80")[0] == 403
    assert answer(address, "/", Host=f"localhost:{address.rpartition(':')[2].strip('/')}")[0] == 200


def test_it_serves_nothing_outside_its_folder(address):
    assert answer(address, "/../../../../../etc/passwd")[0] == 404


def test_a_port_that_is_taken_is_refused(address, tmp_path):
    with pytest.raises(UsageError):
        page_server(tmp_path, int(address.rpartition(":")[2].strip("/")))
