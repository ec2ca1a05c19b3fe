from __future__ import annotations

from pathlib import Path

from helpers.synthetic import make_explanation
from unseen.cli.report import as_table


def test_the_table_says_what_a_map_carries() -> None:
    provenance = dict(make_explanation().provenance)
    files = {"panel": Path("out/panel.png")}
    assert "map:" not in as_table(Path("photo.jpg"), make_explanation(), files)
    search = {"map": {"layer": "blocks.3 (relu)", "size": "320×7×7"}}
    explained = make_explanation(provenance={**provenance, "search": search})
    assert "  map: layer blocks.3 (relu), size 320×7×7\n" in as_table(Path("photo.jpg"), explained, files)
