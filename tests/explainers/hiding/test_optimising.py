from __future__ import annotations

import pytest
import torch
from torch import Tensor

from helpers.optimised import Glow, glowing
from unseen.errors import NotApplicableError
from unseen.explainers.hiding.optimising import Objective, descend, scale_of


def test_the_scale_runs_from_nothing_shown_to_the_full_photograph() -> None:
    hidden, added = scale_of(glowing(), 0, "logit", "it") or (0.0, 0.0)
    assert hidden == pytest.approx(-1.0, abs=0.3)
    assert added == pytest.approx(5.4, abs=0.3)
    assert scale_of(glowing(), 1, "logit", "it") is None


def test_masks_of_0_and_1_are_refused_and_the_remedy_works() -> None:
    network = glowing("ad")
    with pytest.raises(
        NotApplicableError, match="it optimises soft masks, and removal 'ad' takes only 0 and 1; choose"
    ):
        scale_of(network, 0, "logit", "it")
    assert scale_of(glowing("grey"), 0, "logit", "it") is not None


def test_numbers_descend_side_by_side_in_any_batch() -> None:
    wanted = torch.tensor([[0.25], [0.75], [2.0]])

    def objective(numbers: Tensor, which: slice, step: int) -> Objective:
        del step
        penalty = (numbers[:, 0] - wanted[which, 0]).square().double()
        return Objective(numbers[:, :, None].expand(-1, 32, 32), penalty, lambda level: 0 * level)

    found = [
        descend(
            glowing(batch_size=size),
            0,
            torch.full((3, 1), 0.5),
            objective,
            scale=(-1.0, 5.4),
            score="logit",
            rounds=200,
            rate=0.05,
        )
        for size in (1, 3)
    ]
    assert torch.allclose(found[0].numbers, torch.tensor([[0.25], [0.75], [1.0]]), atol=0.01)
    assert torch.allclose(found[0].numbers, found[1].numbers, atol=1e-4)
    assert found[0].settled
    assert torch.allclose(found[0].levels[2:], torch.ones(1, dtype=torch.float64), atol=0.1)


def test_the_network_is_left_as_it_was() -> None:
    network = Glow()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    scale_of(glowing(network=network), 0, "logit", "it")
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.training
