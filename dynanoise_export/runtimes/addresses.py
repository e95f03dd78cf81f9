"""Where a model of a server is: the URL that a user gives, taken apart."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from dynanoise_export.errors import UserError

GRPC = ("grpc", "grpcs")
SCHEMES = ("http", "https", *GRPC)
FORM = "http://HOST:PORT/MODEL or grpc://HOST:PORT/MODEL, with /versions/N behind it where one version is meant"


@dataclass(frozen=True)
class Address:
    """A model on a server that speaks the Open Inference Protocol (KServe's v2).

    Attributes:
        url: as the user gave it.
        scheme: http, https, grpc or grpcs.
        server: its host and port, with a path before the protocol's own if there is one.
        model: its name.
        version: of the model; empty for the one that the server chooses.
    """

    url: str
    scheme: str
    server: str
    model: str
    version: str


def is_url(where: str) -> bool:
    """Tell a URL from a path."""
    return "://" in where


def parse_address(url: str) -> Address:
    """Take a URL apart: /MODEL, or /v2/models/MODEL as the protocol spells it, each with or without /versions/N.

    Raises:
        UserError: it has another form.
    """
    try:
        parts = urlsplit(url)
        sound = parts.scheme in SCHEMES and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number
        sound = False
    path, _, version = parts.path.strip("/").partition("/versions/") if sound else ("", "", "")
    before, model = _split(path)
    elsewhere = sound and (parts.username or parts.query or parts.fragment or (before and parts.scheme in GRPC))
    if not model or "/" in model or elsewhere:
        raise UserError(f"{url} is no URL of a model on a server: give {FORM}.")
    return Address(url, parts.scheme, f"{parts.netloc}/{before}".rstrip("/"), model, version)


def _split(path: str) -> tuple[str, str]:
    """Split a path into what stands before the protocol's own part, and the model's name."""
    before, found, model = f"/{path}".rpartition("/v2/models/")
    return (before.strip("/"), model) if found else ("", path)
