from __future__ import annotations

from typing import Any

import pytest
import torch

from helpers.cells import SIZE, graded, masked
from helpers.optimised import OWED, glowing
from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.hiding.extremal import ExtremalPerturbation, SmoothMasks, areas_of, off_area
from unseen.explainers.sufficient.evaluation import Evaluator


def test_the_owed_cells_stand_out_at_every_size() -> None:
    found = ExtremalPerturbation(grid=16, areas=3, rounds=60).attribute(Evaluator(glowing(), 0), 0, None)
    assert float(found.saliency[OWED].mean()) > 2.5 * float(found.saliency[~OWED].mean())
    assert found.record["areas"] == pytest.approx([0.4, 0.2, 0.1])
    assert found.record["levels"][0] > found.record["levels"][2]


def test_regions_have_about_the_area_that_was_asked_for() -> None:
    for areas in (1, 2):
        found = ExtremalPerturbation(grid=16, areas=areas, rounds=60).attribute(Evaluator(glowing(), 0), 0, None)
        assert float(found.saliency.mean()) == pytest.approx(sum(areas_of(areas)), abs=0.08 * areas)


def test_off_area_is_the_papers_distance_of_the_sorted_mask() -> None:
    exact = torch.zeros(1, 4, 5)
    exact[0, 2, :4] = 1
    assert float(off_area(exact, torch.tensor([0.2]))) == 0
    assert float(off_area(exact, torch.tensor([0.4]))) == pytest.approx(0.2)
    assert float(off_area(torch.full((1, 4, 5), 0.5), torch.tensor([0.2]))) == pytest.approx(0.25)


def test_masks_are_smooth_maxima_of_bumps() -> None:
    smooth = SmoothMasks((64, 96), 16, 0.09)
    assert smooth.cells == (16, 24)
    one = torch.zeros(1, 16, 24)
    one[0, 8, 12] = 1
    laid = smooth(one)[0]
    assert laid.shape == (64, 96)
    rows, columns = laid.sum(1), laid.sum(0)
    assert float((rows * torch.arange(64)).sum() / rows.sum()) == pytest.approx(33.5, abs=0.1)  # the cell's middle
    assert float((columns * torch.arange(96)).sum() / columns.sum()) == pytest.approx(49.5, abs=0.1)
    whole = smooth(torch.ones(1, 16, 24))
    assert torch.allclose(whole, torch.ones_like(whole), atol=0.2)
    literal = torch.zeros(16, 24)
    for row in range(16):
        for column in range(24):
            far = torch.tensor([row - 8.0, column - 12.0]).norm() / (0.09 * 64 / 4)
            values = torch.cat(
                [torch.exp(-((far - 1).clamp(min=0) ** 2) / 4)[None], torch.zeros(smooth.bump.numel() - 1)]
            )
            near = max(abs(row - 8), abs(column - 12)) <= smooth.radius
            literal[row, column] = float((values * (20 * values).softmax(0)).sum()) if near else 0.0
    assert torch.allclose(smooth.on_cells(one)[0], literal, atol=1e-5)


def test_a_class_that_nothing_changes_has_an_empty_map() -> None:
    findings = ExtremalPerturbation(rounds=3)(glowing(), 1)
    assert not bool(findings.saliency.any())
    assert "has the score of no that nothing shown has" in findings.notes[0]


def test_it_needs_a_removal_that_blends() -> None:
    with pytest.raises(NotApplicableError, match="extremal-perturbation optimises soft masks"):
        ExtremalPerturbation(rounds=3).attribute(Evaluator(glowing("ad"), 0), 0, None)


def test_a_network_without_gradients_is_refused() -> None:
    with pytest.raises(NotApplicableError, match="gradient"):
        ExtremalPerturbation(rounds=3).attribute(Evaluator(masked(graded(2)), 0), 0, None)


def test_as_a_method_it_finds_a_part_that_suffices() -> None:
    findings = METHODS.create("extremal-perturbation:rounds=40,grid=16,areas=2")(glowing(), 0)
    assert findings.parts[0].verified
    assert findings.record["evaluations"]["extremal perturbation"] == 2 + 80
    assert findings.saliency.shape == (SIZE, SIZE)


@pytest.mark.parametrize("settings", [{"areas": 0}, {"areas": 11}, {"rounds": 0}, {"width": 0.0}, {"weight": 0.0}])
def test_bad_parameters_are_named(settings: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(settings))):
        ExtremalPerturbation(**settings)
