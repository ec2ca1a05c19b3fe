from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from helpers.cells import SIZE, masked
from unseen import explain
from unseen.explainers.hiding.segments import grid
from unseen.explanation.plotting.pairs import MOST, pairs, pairs_of, strongest

RECORD = {
    "segments": 3,
    "alone": [1.0, 0.0, -1.0],
    "pairs": [[0.0, 0.5, -2.0], [0.5, 0.0, 0.0], [-2.0, 0.0, 0.0]],
    "centres": [[2.0, 3.0], [8.0, 8.0], [12.0, 4.0]],
}


def test_the_strongest_pairs_come_first_and_those_of_nothing_not_at_all() -> None:
    assert strongest(RECORD) == [(0, 2, -2.0), (0, 1, 0.5)]
    assert strongest(RECORD, 1) == [(0, 2, -2.0)]
    noise = {**RECORD, "pairs": [[0.0, 1e-17, -2.0], [1e-17, 0.0, -1e-9], [-2.0, -1e-9, 0.0]]}
    assert strongest(noise) == [(0, 2, -2.0)]  # a dashed line of no width has dashes without end
    assert strongest({**RECORD, "pairs": (1e-7 * np.array(RECORD["pairs"])).tolist()}) == []


def test_pairs_are_lines_between_the_middles_of_their_segments() -> None:
    axes = Figure().subplots()
    column = pairs(torch.rand(3, 16, 16), RECORD)
    column.draw(axes)
    assert "the 2 strongest pairs of 3 segments" in column.caption
    apart, together = axes.lines
    assert (apart.get_linestyle(), together.get_linestyle()) == ("--", "-")
    assert apart.get_xydata().tolist() == [[2.5, 1.5], [3.5, 11.5]]
    assert apart.get_linewidth() == 4 * together.get_linewidth()
    assert apart.get_color() != together.get_color()
    sizes = axes.collections[0].get_sizes()
    assert sizes[0] == sizes[2] > sizes[1] == 0
    nothing = {**RECORD, "pairs": np.zeros((3, 3)).tolist()}
    pairs(torch.rand(3, 16, 16), nothing).draw(Figure().subplots())
    assert pairs(torch.rand(3, 16, 16), nothing).caption == "no pair adds anything"


def test_the_panel_has_them(tmp_path: Path) -> None:
    np.save(tmp_path / "cells.npy", grid((SIZE, SIZE), 4).numpy())
    classifier = masked(lambda cells: cells[:, 0] & cells[:, 15]).classifier
    image = torch.ones(3, SIZE, SIZE)
    asked = {"removal": "black", "chance": 0, "backgrounds": 0}
    found = explain(image, classifier, method=f"shapley-interactions:file={tmp_path / 'cells.npy'}", **asked)
    record = pairs_of(found)
    assert record is not None
    assert strongest(record)[0][:2] == (0, 3)
    assert len(strongest(record)) <= MOST
    assert pairs_of(explain(image, classifier, method="shapley:segments=4", **asked)) is None
    assert (tmp_path / "out" / "panel.png") in found.save(tmp_path / "out").values()
