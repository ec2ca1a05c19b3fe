"""From a result to what a visitor gets: the page of it, and a folder to take home."""

from __future__ import annotations

import json
import shutil
from html import escape
from pathlib import Path

from unseen.report import write_report
from unseen.system.files import replace_file


def keep_photo(photo: Path, folder: Path) -> Path:
    """Put the photograph beside its results, so that the command finds it."""
    return Path(shutil.copyfile(photo, folder / photo.name))


def forget_places(folder: Path, photo: Path) -> None:
    """Leave names in the records where paths of this server were: they are nobody's business, and useless elsewhere."""
    places = [json.dumps(f"{place}/")[1:-1] for place in (folder, photo.parent)]
    for record in folder.rglob("*.json"):
        text = record.read_text(encoding="utf-8")
        for place in places:
            text = text.replace(place, "")
        replace_file(record, text.encode(errors="backslashreplace"))


def finished(folder: Path, photo: Path) -> tuple[str, Path]:
    """The report of a folder of results as a frame of the page, and the folder as an archive."""
    forget_places(folder, photo)
    page = write_report(folder)
    archive = shutil.make_archive(str(folder.parent / f"unseen-{photo.stem}-{folder.name}"), "zip", folder)
    return frame(page.read_text(encoding="utf-8"), f"Results for {photo.name}"), Path(archive)


def frame(report: str, title: str) -> str:
    """A report as a page within the page, of which it can reach nothing; its own policy forbids it to load anything."""
    return (
        f'<iframe class="unseen-report" title="{escape(title)}" sandbox="allow-scripts" '
        f'srcdoc="{escape(report)}"></iframe>'
    )
