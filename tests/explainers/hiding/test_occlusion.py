from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.cells import SIZE, cell, graded, masked
from unseen.errors import ParameterError
from unseen.explainers.hiding.occlusion import Occlusion, occlusion
from unseen.removal import MaskedClassifier


def slowly(asked: MaskedClassifier, target: int, window: int, stride: int) -> Tensor:
    """Zeiler & Fergus by the letter, one window after the other."""
    height, width = asked.shape
    whole = asked(torch.ones(1, height, width))[0, target]
    drops, cover = torch.zeros(height, width), torch.zeros(height, width)
    tops = sorted({*range(0, height - window + 1, stride), height - window})
    lefts = sorted({*range(0, width - window + 1, stride), width - window})
    for top in tops:
        for left in lefts:
            hidden = torch.zeros(height, width, dtype=torch.bool)
            hidden[top : top + window, left : left + window] = True
            drops[hidden] += whole - asked((~hidden)[None])[0, target]
            cover[hidden] += 1
    return drops / cover


@pytest.mark.parametrize(("window", "stride"), [(8, 8), (8, 4), (12, 5), (32, 32), (1, 1)])
def test_it_is_the_mean_drop_over_windows(window: int, stride: int) -> None:
    asked = masked(graded(2, 5, 15))
    found = occlusion(asked, 0, window=window, stride=stride)
    assert torch.allclose(found, slowly(masked(graded(2, 5, 15)), 0, window, stride), atol=1e-6)


def test_windows_that_are_cells_find_the_cells_that_count() -> None:
    found = occlusion(masked(graded(2, 9)), 0, window=8, stride=8)
    counting = cell(2) | cell(9)
    assert bool((found[counting] > 0).all())
    assert bool((found[~counting] == 0).all())


def test_every_window_is_evaluated_once() -> None:
    asked = masked(graded(2))
    occlusion(asked, 0, window=8, stride=8)
    assert asked.evaluations == 1 + 16


def test_the_batch_does_not_matter() -> None:
    maps = [occlusion(masked(graded(2, 9), batch_size=size), 0, window=8, stride=3) for size in (1, 7, 100)]
    assert torch.allclose(maps[0], maps[1], atol=1e-6)
    assert torch.allclose(maps[0], maps[2], atol=1e-6)


def test_probabilities_fall_where_logits_do() -> None:
    found = occlusion(masked(graded(2, 9)), 0, window=8, stride=8, score="probability")
    assert 0 < float(found[cell(2)].max()) < 1


def test_as_a_method_it_finds_a_part_that_suffices() -> None:
    findings = Occlusion(window=0.25, stride=0.25)(masked(graded(2, 9)), 0, confidence=(0.5, 0.9))
    assert [part.confidence_threshold for part in findings.parts] == [0.5, 0.9]
    assert all(part.verified for part in findings.parts)
    assert findings.curve is not None
    assert findings.record["evaluations"]["occlusion"] == 17


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"window": 0.0}, "window"),
        ({"stride": 0.3}, "stride"),
        ({"block": 0.7}, "block"),
    ],
)
def test_bad_parameters_are_named(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        Occlusion(**settings)


def test_a_window_must_fit() -> None:
    with pytest.raises(ParameterError, match="window 33"):
        occlusion(masked(graded(2)), 0, window=SIZE + 1, stride=1)
    with pytest.raises(ParameterError, match="stride 9"):
        occlusion(masked(graded(2)), 0, window=8, stride=9)
