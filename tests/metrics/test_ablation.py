from __future__ import annotations

from math import isnan

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.cells import conjunction
from helpers.judged import case, spread
from helpers.networks import Network, bound
from unseen.errors import ParameterError
from unseen.explanation.ranking import rank
from unseen.metrics.ablation import TopKAblation, macro_f1
from unseen.metrics.case import Case


@pytest.mark.parametrize(("share", "named"), [(0.25, 0), (0.2, 1), (0.9, 0)])
def test_the_class_survives_with_all_four_cells_and_not_with_fewer(share: float, named: int) -> None:
    one = case(spread(torch.arange(16, 0, -1)), rule=conjunction(0, 1, 2, 3))
    assert TopKAblation(share)(one) == named
    assert TopKAblation(share)(case(spread(torch.arange(16)), rule=conjunction(0, 1, 2, 3))) == 1


@pytest.mark.parametrize("removal", ["black", "ad"])
@pytest.mark.parametrize("share", [0.001, 0.3, 0.77])
def test_equals_a_loop_over_pixels(removal: str, share: float) -> None:
    masked = bound(Network(), double=False, removal=removal)
    saliency = torch.rand(masked.shape, generator=torch.Generator().manual_seed(3))
    visible = torch.zeros(masked.shape, dtype=torch.bool)
    for count, pixel in enumerate(rank(saliency).order.tolist()):
        if count >= share * saliency.numel():
            break
        visible[pixel // 16, pixel % 16] = True
    top = int(masked(visible[None])[0].argmax())
    for target in range(3):
        assert TopKAblation(share)(Case(saliency, target, masked)) == top


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30))
def test_macro_f1_counts_every_class_alike(pairs: list[tuple[int, int]]) -> None:
    scores = []
    for label in {label for pair in pairs for label in pair}:
        hits = sum(p == t == label for p, t in pairs)
        missed = sum(p != label and t == label for p, t in pairs)
        false = sum(p == label and t != label for p, t in pairs)
        scores.append(hits / (hits + (missed + false) / 2))
    predicted, targets = zip(*pairs, strict=True)
    assert macro_f1(predicted, targets) == pytest.approx(sum(scores) / len(scores))


def test_macro_f1_is_not_the_accuracy() -> None:
    predicted, targets = [0, 0, 0, 0], [0, 0, 0, 1]
    assert macro_f1(predicted, targets) == pytest.approx((6 / 7 + 0) / 2)
    assert macro_f1(targets, targets) == 1
    assert isnan(macro_f1([], []))


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_wrong_shares_are_refused(share: float) -> None:
    with pytest.raises(ParameterError, match="share"):
        TopKAblation(share)
