from __future__ import annotations

import pytest
import torch

from helpers.cells import graded, masked, show
from helpers.networks import Network, bound
from unseen import Classifier, Preprocessing
from unseen.errors import ParameterError
from unseen.removal import REMOVALS, MaskedClassifier
from unseen.removal.batched import evaluate_batched

pytestmark = pytest.mark.numerics


def random_masks(count: int, side: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, side, side, generator=torch.Generator().manual_seed(seed)) < 0.5


def of_one_network(removal: str, count: int, batch_size: int | None = None) -> list[MaskedClassifier]:
    classifier = Classifier(Network(), Preprocessing((16, 16), None))
    images = torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    return [REMOVALS.create(removal).bind(classifier, image, batch_size=batch_size) for image in images]


@pytest.mark.parametrize(
    "removal", ["black", "mean", "channel-mean", "min", "max", "blur:2", "ad", "ad:pooled,fill=neighbour"]
)
def test_photographs_together_are_answered_as_alone(removal: str) -> None:
    several = of_one_network(removal, 3)
    masks = [random_masks(n, 16, n) for n in (2, 5, 1)]
    for one, some, together in zip(
        several, masks, evaluate_batched(list(zip(several, masks, strict=True))), strict=True
    ):
        torch.testing.assert_close(together, one(some), rtol=1e-5, atol=1e-5)


def test_batches_are_filled_across_photographs_and_nothing_is_asked_twice() -> None:
    several = of_one_network("black", 3, batch_size=4)
    sizes: list[int] = []
    several[0].forward = lambda pixels, masks, inner=several[0].forward: (
        sizes.append(len(masks)),
        inner(pixels, masks),
    )[1]
    masks = random_masks(3, 16)
    requests = [(one, masks) for one in several] + [(several[1], masks.float()), (several[2], masks[:0])]
    answers = evaluate_batched(requests)
    assert sizes == [4, 4, 1]
    assert [one.evaluations for one in several] == [3, 3, 3]
    assert torch.equal(answers[3], answers[1])
    assert answers[4].shape == (0, 0)


def test_soft_masks_are_not_taken_for_hard_ones() -> None:
    (one,) = of_one_network("grey", 1)
    soft = torch.rand(2, 16, 16)
    torch.testing.assert_close(evaluate_batched([(one, soft), (one, soft > 0.5)])[0], one(soft))


def test_other_removals_and_other_networks_have_passes_of_their_own() -> None:
    one, other = bound(Network(), removal="black"), bound(Network(), removal="white")
    masks = random_masks(2, 16)
    for answer, asked in zip(evaluate_batched([(one, masks), (other, masks)]), (one, other), strict=True):
        torch.testing.assert_close(answer, asked(masks))


def test_wrong_masks_are_refused() -> None:
    with pytest.raises(ParameterError, match="masks have shape"):
        evaluate_batched([(masked(graded(0)), show(1)[None, :8])])


def test_photographs_of_any_precision_are_told_apart() -> None:
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(2)).bfloat16()
    classifier = Classifier(Network(), Preprocessing((16, 16), None))
    several = [REMOVALS.create("black").bind(classifier, image) for image in images]
    masks = random_masks(2, 16)
    for one, answer in zip(several, evaluate_batched([(one, masks) for one in several]), strict=True):
        torch.testing.assert_close(answer, one(masks), rtol=1e-5, atol=1e-5)
