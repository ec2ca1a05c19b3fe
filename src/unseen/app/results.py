"""From a result to what a visitor gets: the page of it, and a folder to take home."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from unseen.explanation.html.rendering import framed
from unseen.inputs.photo import stem_of
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


def reported(folder: Path, photo: Path) -> str:
    """The report of a folder of results, in which no place of this server is named, as a frame of the page."""
    forget_places(folder, photo)
    return frame(write_report(folder).read_text(encoding="utf-8"), f"Results for {photo.name}")


def archived(folder: Path, photo: Path) -> Path:
    """A folder of results as an archive."""
    return Path(shutil.make_archive(str(folder.parent / f"unseen-{stem_of(photo)}-{folder.name}"), "zip", folder))


def frame(report: str, title: str) -> str:
    """A report as a page within the page, of which a printer would get the beginning only."""
    printed = '<p class="unseen-printed">The report is printed from its own file: report.html among the results.</p>'
    return framed(report, title, 'class="unseen-report"') + printed
