"""What was measured of many photographs, by ``unseen distance`` or ``unseen retrain``, as blocks of a report."""

from __future__ import annotations

from pathlib import Path

from unseen.evaluation.told import SUFFIX, Told
from unseen.explanation.html import encoding
from unseen.explanation.html.blocks import Picture, Report, Section
from unseen.report.evaluated import table_of


def files_in(folder: Path) -> list[Path]:
    """What tells of measurements, directly inside, by name."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def report_of(folder: Path) -> Report:
    """The report of all that was measured into a folder.

    Raises:
        OutputError: one of the records is damaged.
    """
    found = [Told.load(path) for path in files_in(folder)]
    made = dict(pair for one in found for pair in one.versions)
    return Report(
        title="; ".join(one.title for one in found),
        asked=[*dict.fromkeys(pair for one in found for pair in one.asked)],
        answer=[*dict.fromkeys(sentence for one in found for sentence in one.answer)],
        sections=[_section(folder, one, one.title if len(found) > 1 else "What was measured") for one in found],
        failures=[pair for one in found for pair in one.failed],
        made=[*made.items()],
        command="\n".join(one.command for one in found if one.command) or None,
    )


def _section(folder: Path, told: Told, title: str) -> Section:
    """The pictures, which say most at a glance, and the tables."""
    pictures = [
        Picture(source, f"{told.title}: {Path(name).stem}", wide=True)
        for name in told.pictures
        if (source := encoding.picture(folder / Path(name).name))
    ]
    return Section(title, pictures=pictures, tables=[table_of(table) for table in told.tables])
