"""Parse the URL of a model on a server."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from dynanoise_export.errors import UsageError

GRPC = ("grpc", "grpcs")
SCHEMES = ("http", "https", *GRPC)
FORM = "http://HOST:PORT/MODEL or grpc://HOST:PORT/MODEL, followed by /versions/N for one version"


@dataclass(frozen=True)
class Address:
    """A model on a server that speaks the Open Inference Protocol (KServe's v2).

    Attributes:
        url: as the user gave it.
        scheme: http, https, grpc or grpcs.
        server: host and port, and the path in front of the protocol's own path if there is one.
        model: its name.
        version: of the model; empty to let the server choose.
    """

    url: str
    scheme: str
    server: str
    model: str
    version: str


def is_url(where: str) -> bool:
    """Whether a string is a URL; otherwise it is a path."""
    return "://" in where


def parse_address(url: str) -> Address:
    """Parse a URL that ends in /MODEL or, as in the protocol, /v2/models/MODEL, either with /versions/N or without.

    Raises:
        UsageError: it has another form.
    """
    try:
        parts = urlsplit(url)
        sound = parts.scheme in SCHEMES and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is not a number
        sound = False
    path, _, version = parts.path.strip("/").partition("/versions/") if sound else ("", "", "")
    before, model = _split(path)
    unsupported = sound and (parts.username or parts.query or parts.fragment or (before and parts.scheme in GRPC))
    if not model or "/" in model or unsupported:
        raise UsageError(f"{url} is not the URL of a model on a server: give {FORM}.")
    return Address(url, parts.scheme, f"{parts.netloc}/{before}".rstrip("/"), model, version)


def _split(path: str) -> tuple[str, str]:
    """Split a path into the part in front of the protocol's own path, and the model's name."""
    before, found, model = f"/{path}".rpartition("/v2/models/")
    return (before.strip("/"), model) if found else ("", path)
