"""A real browser without a window, and the playground's page in it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from dynanoise_export.playground.page_server import page_server

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Long enough for a busy machine: a wait ends at once when its event happens.
MILLISECONDS = 120_000


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium; the test is skipped where it is not installed."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=["--disable-background-networking"])
        with started:
            yield started


@contextmanager
def served(folder: Path, handler: type[SimpleHTTPRequestHandler] | None = None) -> Iterator[str]:
    """Serve a page in this process, as the command does or through another handler; give its address."""
    other = handler and ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    with other or page_server(folder) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def opened(browser: Browser, address: str, **options: object) -> Iterator[Page]:
    """Open a page and wait until it is ready; nothing may fail in it, and no request may leave its server."""
    problems: list[str] = []
    with browser.new_context(**options) as context:  # type: ignore[arg-type]
        context.set_default_timeout(MILLISECONDS)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("requestfailed", lambda request: problems.append(f"{request.url} failed"))
        own = address.removesuffix("index.html")
        page.on("request", lambda request: None if request.url.startswith(own) else problems.append(request.url))
        page.goto(address)
        ready(page)
        yield page
    assert problems == []


def ready(page: Page) -> None:
    """Wait until the page shows the answers to what is chosen."""
    page.wait_for_selector("main[aria-busy=false]")
