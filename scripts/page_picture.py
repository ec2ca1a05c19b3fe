"""Draw the manual's picture of the page: the espresso's coffee painted over, in a real browser.

python scripts/page_picture.py [docs/images/page.png]
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
STROKE = ((0.36, 0.34), (0.44, 0.38), (0.53, 0.38), (0.62, 0.34), (0.5, 0.33), (0.42, 0.34))
"""Where the brush goes, as shares of the photograph's width and height."""


def main() -> None:
    """Serve the page, paint, and save what is seen."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images" / "page.png"
    command = [sys.executable, "-m", "unseen", "app", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as driver:
        try:
            assert server.stdout is not None
            address = next(found[1] for line in server.stdout if (found := re.search(r"page: (http://\S+)", line)))
            path = shutil.which("chromium") or driver.chromium.executable_path
            browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(120_000)
            page.goto(address)
            save(painted(page), target)
        finally:
            server.terminate()


def painted(page: Page) -> bytes:
    """The page with the coffee hidden, as a PNG file."""
    page.locator("#photo input[type=file]").set_input_files(ROOT / "examples" / "espresso.jpg")
    page.locator("#said li").first.wait_for()
    page.get_by_role("tab", name="Hide").click()
    canvas = page.locator("#paint canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in STROKE]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()
    page.locator("#hide-answer article").nth(3).wait_for()
    page.mouse.move(0, 0)
    return page.screenshot(full_page=True)


def save(content: bytes, target: Path) -> None:
    """With 128 colours, which are enough and take a fifth of the bytes."""
    with Image.open(io.BytesIO(content)) as shown:
        shown.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    main()
