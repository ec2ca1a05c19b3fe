from __future__ import annotations

import pytest
import torch
from torch import Tensor

from helpers.stickers import LABELS, SIZE, picture, place_of, stickers
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError
from unseen.explainers.robust.contexts import ColoursAndTextures, SolidColours
from unseen.explainers.robust.planting import Planting, foreign, plant
from unseen.removal import REMOVALS, MaskedClassifier

STICKER, BRIGHT, DARK = range(3)
CONTEXTS = ColoursAndTextures((SIZE, SIZE))


def masked(number: int = 0, batch_size: int | None = None) -> MaskedClassifier:
    return REMOVALS.create("black").bind(stickers(), picture(number, sticker=True), batch_size=batch_size)


def test_pixels_of_the_part_and_only_they_come_from_the_photograph() -> None:
    image, part = torch.rand(3, 16, 16), torch.rand(16, 16) > 0.7
    planted = plant(image, part, torch.tensor([0.1, 0.2, 0.3]).reshape(3, 1, 1))
    assert torch.equal(planted[:, part], image[:, part])
    assert torch.equal(planted[:, ~part], torch.tensor([0.1, 0.2, 0.3])[:, None].expand(3, int((~part).sum())))


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_equals_a_loop_over_contexts(batch_size: int) -> None:
    model = masked(batch_size=batch_size)
    contexts = foreign(model, STICKER, CONTEXTS, "a", 9)
    parts: list[Tensor] = [place_of(0), ~place_of(0), torch.rand(SIZE, SIZE) > 0.5]
    found = Planting(model, STICKER, contexts).holds_everywhere(parts)
    classifier = model.classifier
    slow = [
        [int(classifier.logits(plant(model.image, part, context)[None]).argmax()) == STICKER for context in contexts]
        for part in parts
    ]
    assert found.tolist() == slow
    assert all(slow[0])
    assert not any(slow[1])


def test_every_planted_picture_is_counted_and_none_is_evaluated_twice() -> None:
    model = masked()
    contexts = foreign(model, STICKER, CONTEXTS, "a", 6)
    before = model.evaluations
    planting = Planting(model, STICKER, contexts)
    first = planting.holds_everywhere([place_of(0), ~place_of(0), place_of(0)])
    assert model.evaluations - before == 12
    again = planting.holds([(~place_of(0), 5), (place_of(0), 0)])
    assert model.evaluations - before == 12
    assert again.tolist() == [first[1, 5], first[0, 0]]


def test_a_signal_has_no_colours() -> None:
    class Sure(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.tensor([[1.0, 0.0]]).expand(len(x), 2) + 0 * x.mean((1, 2))[:, None]

    signal = Classifier(Sure(), Preprocessing((32,), None, mean=(0,), std=(1,)))
    model = REMOVALS.create("black").bind(signal, torch.rand(1, 32))
    with pytest.raises(NotApplicableError, match=r"\(constant values and smooth textures\) .* folder of signals"):
        foreign(model, 0, ColoursAndTextures((32,)), "a", 2)


def test_contexts_of_the_class_itself_are_left_out() -> None:
    model = masked()
    for target in (BRIGHT, DARK):
        found = foreign(model, target, SolidColours(), "a", 12)
        assert len(found) == 12
        pictures = torch.stack([one.expand(3, SIZE, SIZE) for one in found])
        assert not bool((model.classifier.logits(pictures).argmax(1) == target).any())


def test_where_all_are_of_the_class_the_reason_is_told() -> None:
    class Always(type(stickers().model)):  # type: ignore[misc]
        def forward(self, x: Tensor) -> Tensor:
            return torch.tensor([[1.0, 0.0, 0.0]]).expand(len(x), 3) + 0 * x.mean((1, 2, 3))[:, None]

    classifier = stickers()
    classifier.model = Always()
    model = REMOVALS.create("black").bind(classifier, picture(0, sticker=True))
    with pytest.raises(NotApplicableError, match=rf"\(solid colours\) is {LABELS[0]} by itself.*a folder"):
        foreign(model, STICKER, SolidColours(), "a", 5)
