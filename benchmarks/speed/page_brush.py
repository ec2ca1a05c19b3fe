"""How long after the brush is lifted a visitor sees what the model says under four removals, in a real browser.

    python -m benchmarks.speed.page_brush PHOTO [--strokes 10] [--model efficientnet-lite0]

The page is served by ``unseen app`` in a process of its own. Strokes go through random places; of each the milliseconds
are measured in the browser, from the moment at which the button is released to the frame in which all four answers are
new. The first stroke, for which libraries are loaded, is told by itself.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import FloatRect, Page, sync_playwright

from benchmarks.speed.page_load import served_at

REMOVALS = 4
ARM = """count => {
    const answers = () => [...document.querySelectorAll('#hide-answer article')];
    answers().forEach(one => one.dataset.old = '1');
    window.unseenSeen = new Promise(resolve => {
        window.addEventListener('pointerup', () => {
            const lifted = performance.now();
            const look = () => {
                const found = answers();
                if (found.length >= count && found.every(one => !one.dataset.old)) resolve(performance.now() - lifted);
                else requestAnimationFrame(look);
            };
            look();
        }, {capture: true, once: true});
    });
}"""
"""Marks the answers that are there, and measures from the next release of the button to the first without a mark."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--strokes", type=int, default=10)
    parser.add_argument("--model", default="efficientnet-lite0")
    options = parser.parse_args()
    with page_of("--model", options.model) as page:
        first, *others = strokes(page, options.photo, 1 + options.strokes)
    print(f"first stroke: {first:.0f} ms")
    print(f"{len(others)} further: {statistics.median(others):.0f} ms ({min(others):.0f} to {max(others):.0f})")


@contextmanager
def page_of(*words: str) -> Iterator[Page]:
    """The page of ``unseen app`` with these options, in a real browser."""
    command = [sys.executable, "-m", "unseen", "app", "--port", "0", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as driver:
        try:
            host, port = served_at(server)
            path = shutil.which("chromium") or driver.chromium.executable_path
            browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(120_000)
            page.goto(f"http://{host}:{port}")
            yield page
        finally:
            server.terminate()


def ready_to_paint(page: Page, photo: Path) -> FloatRect:
    """Give a photograph and open the tab; where its picture lies on the page."""
    page.locator("#photo input[type=file]").set_input_files(photo)
    page.locator("#said li").first.wait_for()
    page.get_by_role("tab", name="Hide").click()
    canvas = page.locator("#paint canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    return box


def strokes(page: Page, photo: Path, count: int) -> list[float]:
    """Milliseconds of so many strokes, one after the other."""
    box = ready_to_paint(page, photo)
    chance, found = random.Random(0), []
    for _ in range(count):
        page.evaluate(ARM, REMOVALS)
        x = box["x"] + chance.uniform(0.1, 0.8) * box["width"]
        y = box["y"] + chance.uniform(0.1, 0.8) * box["height"]
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 0.1 * box["width"], y + 0.1 * box["height"], steps=5)
        page.mouse.up()
        found.append(float(page.evaluate("window.unseenSeen")))
    return found


if __name__ == "__main__":
    main()
