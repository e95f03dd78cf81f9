"""Take the pictures of the playground, in light and dark colours; they need Chromium.

python benchmarks/playground_pictures.py        # docs/pictures/playground-light.png and playground-dark.png
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from playwright.sync_api import Browser, sync_playwright

from dynanoise_export.playground.page_folder import write_playground
from dynanoise_export.playground.page_server import address_of, page_server

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
WIDTH = 1240


def main() -> None:
    """Serve the page and take its pictures."""
    with TemporaryDirectory() as folder, page_server(write_playground(Path(folder) / "page")) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as driver, driver.chromium.launch(executable_path=shutil.which("chromium")) as browser:
            for scheme in ("light", "dark"):
                take(browser, address_of(server), scheme)
        server.shutdown()


def take(browser: Browser, address: str, scheme: str) -> None:
    """Take a picture of the page, down to the averaging attack."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme=scheme)
    page.goto(address)
    page.wait_for_selector("main[aria-busy=false]")
    box = page.locator("section", has=page.locator("#averaging")).bounding_box()
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": box["y"] + box["height"] + 16}
    page.screenshot(path=PICTURES / f"playground-{scheme}.png", clip=clip, full_page=True)
    page.close()


if __name__ == "__main__":
    main()
