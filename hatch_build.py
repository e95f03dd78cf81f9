"""Fetch the runtime of the playground's page while the package is built: onnxruntime-web, from the npm registry.

If the registry is out of reach, the package is built without it, and `dynanoise-export playground` says so.
"""

import base64
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAME, VERSION = "onnxruntime-web", "1.30.0"
# As the registry states it.
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
# The smallest build, for the CPU alone; `package.json` states the version and the licence.
FILES = (
    "package/dist/ort.wasm.bundle.min.mjs",
    "package/dist/ort-wasm-simd-threaded.wasm",
    "package/package.json",
)
FOLDER = "dynanoise_export/playground/page/runtime"
SECONDS = 300


class PlaygroundRuntime(BuildHookInterface):
    """Puts the runtime among the page's files, where git ignores it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch the runtime, unless an earlier build did."""
        folder = Path(self.root) / FOLDER
        if self.target_name != "wheel" or is_current(folder):
            return
        try:
            files = unpacked(fetched())
        except (OSError, ValueError, LookupError, subprocess.SubprocessError, tarfile.TarError) as error:
            self.app.display_warning(f"Built without {NAME} {VERSION}, so `playground` can't run: {error}")
            return
        write(files, folder)


def is_current(folder: Path) -> bool:
    """Whether a folder holds this version of the runtime."""
    stated = folder / "package.json"
    return stated.is_file() and f'"version": "{VERSION}"' in stated.read_text(encoding="utf-8")


def fetched() -> bytes:
    """Fetch the package from the registry that npm is set up for, or without npm from that of NPM_CONFIG_REGISTRY."""
    npm, registry = shutil.which("npm"), os.environ.get("NPM_CONFIG_REGISTRY")
    if npm is not None:
        return packed(npm)
    if registry is None:
        raise OSError("npm is not installed, and NPM_CONFIG_REGISTRY names no registry")
    if not registry.startswith("https://"):
        raise ValueError("NPM_CONFIG_REGISTRY is no https address")
    address = f"{registry.rstrip('/')}/{NAME}/-/{NAME}-{VERSION}.tgz"
    with urllib.request.urlopen(address, timeout=SECONDS) as answer:  # noqa: S310 (https)
        return bytes(answer.read())


def packed(npm: str) -> bytes:
    """Let npm fetch the package."""
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", f"{NAME}@{VERSION}", "--pack-destination", folder, "--silent", "--fetch-retries=1"]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)  # noqa: S603
        if ended.returncode:
            raise OSError(ended.stderr.strip() or f"npm ended with status {ended.returncode}")
        return (Path(folder) / f"{NAME}-{VERSION}.tgz").read_bytes()


def unpacked(archive: bytes) -> dict[str, bytes]:
    """Check a package and read the files of the runtime: by name."""
    digest = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if digest != SHA512:
        raise ValueError(f"its SHA-512 is {digest} and not {SHA512}")
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        members = {name: opened.extractfile(name) for name in FILES}
        return {Path(name).name: member.read() for name, member in members.items() if member is not None}


def write(files: dict[str, bytes], folder: Path) -> None:
    """Write the runtime's folder whole, in place of an earlier one."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".runtime") as staging:
        staged = Path(staging) / folder.name
        staged.mkdir()
        for name, content in files.items():
            (staged / name).write_bytes(content)
        if folder.exists():
            folder.rename(Path(staging) / "earlier")
        staged.rename(folder)
