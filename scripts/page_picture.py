"""Draw the manual's picture of the page: the espresso's coffee painted over, in a real browser.

python -m scripts.page_picture [docs/images/page.png]
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from benchmarks.speed.page_brush import page_of, ready_to_paint

ROOT = Path(__file__).parents[1]
STROKE = ((0.36, 0.34), (0.44, 0.38), (0.53, 0.38), (0.62, 0.34), (0.5, 0.33), (0.42, 0.34))
"""Where the brush goes, as shares of the photograph's width and height."""


def main() -> None:
    """Serve the page, paint, and save what is seen."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images" / "page.png"
    with page_of() as page:
        save(painted(page), target)


def painted(page: Page) -> bytes:
    """The page with the coffee hidden, as a PNG file."""
    box = ready_to_paint(page, ROOT / "examples" / "espresso.jpg")
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
