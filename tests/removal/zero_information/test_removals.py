"""Zero-information parts as removals: what every painting promises."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from helpers.networks import Network, bound
from unseen import explain
from unseen.errors import NotApplicableError, ParameterError
from unseen.removal import REMOVALS
from unseen.removal.batched import evaluate_batched
from unseen.removal.zero_information.removals import Addition, Decomposition

SIDE = 6
SPECS = ["zip:most=6", "zip-decomposition:most=6", "zip-decomposition:criterion=logit,most=6"]


def masks() -> Tensor:
    return torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(7)) < 0.5


@pytest.mark.parametrize("spec", SPECS)
def test_visible_pixels_stay_and_hidden_ones_are_in_the_box(spec: str) -> None:
    masked = bound(Network(), size=SIDE, removal=spec)
    some = torch.cat([masks(), torch.ones(1, SIDE, SIDE, dtype=torch.bool)])
    pictures = masked.removal.painted(masked.classifier, masked.pixels.expand(4, -1, -1, -1), some.double())
    keep = some[:, None].expand_as(pictures)
    assert torch.equal(pictures[keep], masked.pixels.expand(4, -1, -1, -1)[keep])
    assert torch.equal(pictures[3], masked.image)
    hidden = pictures[~keep]
    assert float(hidden.min()) >= 0
    assert float(hidden.max()) <= 1
    assert not torch.equal(pictures[0], masked.image)


@pytest.mark.parametrize("spec", SPECS)
def test_batches_and_company_do_not_matter(spec: str) -> None:
    network = Network()
    one = bound(network, size=SIDE, removal=spec)
    other = type(one)(one.classifier, one.image.square(), one.removal)
    alone = [bound(network, size=SIDE, removal=spec, batch_size=1)(masks()), other(masks())]
    for found, expected in zip(evaluate_batched([(one, masks()), (other, masks())]), alone, strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("spec", SPECS)
def test_the_network_is_left_and_gradients_reach_visible_pixels_only(spec: str) -> None:
    masked = bound(Network(), size=SIDE, removal=spec)
    state = {name: value.clone() for name, value in masked.classifier.model.state_dict().items()}
    pixels = masked.pixels.clone().requires_grad_()
    mask = masks()[:1].double()
    masked.forward(pixels, mask)[0, 0].backward()
    assert pixels.grad is not None
    assert bool((pixels.grad[0, :, mask[0] == 0] == 0).all())
    assert bool(pixels.grad.any())
    for name, value in masked.classifier.model.state_dict().items():
        assert torch.equal(state[name], value)
    assert all(parameter.requires_grad for parameter in masked.classifier.model.parameters())


def test_the_noise_belongs_to_photograph_and_seed() -> None:
    masked = bound(Network(), size=SIDE)
    first, again, other = (
        Addition(most=1, seed=seed).solved(masked.classifier, masked.pixels, masks()[:1].double()).fills
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_names_and_refusals() -> None:
    assert Addition().name == "zip"
    for spec in ("zip:most=6", "zip-decomposition:criterion=logit,smoothness=0.5"):
        assert REMOVALS.create(spec).name == spec
    assert Decomposition() == REMOVALS.create("zip-decomposition")
    for wrong in ("zip:rate=0", "zip:seed=-1", "zip-decomposition:smoothness=-1", "zip-decomposition:criterion=margin"):
        with pytest.raises(ParameterError):
            REMOVALS.create(wrong)
    soft = bound(Network(), size=SIDE, removal="zip")
    with pytest.raises(ParameterError, match="masks of 0 and 1 only"):
        soft(torch.full((1, SIDE, SIDE), 0.5))


def test_a_network_without_gradients_is_refused() -> None:
    masked = bound(Network(lambda network, x: network.judge(network.first(x)).detach()), size=SIDE, removal="zip")
    with pytest.raises(NotApplicableError, match="no gradient"):
        masked(masks())


@pytest.mark.parametrize("spec", ["zip:most=1", "zip-decomposition:most=1", "zip-decomposition:criterion=logit,most=1"])
def test_a_filling_that_was_not_found_is_told_with_a_remedy_that_works(spec: str) -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2, bias=False))
    with torch.no_grad():
        network[2].weight.copy_(torch.tensor([[4.0, -2.0, 1.0], [-1.0, 3.0, -2.0]]))
    masked = bound(network, size=SIDE, removal=spec, double=False, normalise=False)
    assert masked.notes == ()
    masked(torch.cat([masks(), torch.ones(1, SIDE, SIDE, dtype=torch.bool)]))  # where nothing is hidden, all is well
    (note,) = masked.notes
    assert note.startswith("under 3 of 4 masks zip")
    assert "raise most" in note
    patient = bound(network, size=SIDE, removal=spec.replace("most=1", "most=1000"), double=False, normalise=False)
    patient(masks())
    assert patient.notes == ()


def test_where_no_filling_says_nothing_another_removal_is_offered() -> None:
    masked = bound(Network(), size=SIDE, removal="zip:most=20", double=False)
    masked(masks())
    assert "or, where that does not help, choose another removal, such as 'grey'" in masked.notes[0]
    assert bound(Network(), size=SIDE, removal="grey", double=False).notes == ()


def test_an_explanation_has_the_notes_of_its_removal() -> None:
    masked = bound(Network(), size=32, double=False)
    options = {"method": "occlusion:window=0.5,stride=0.5,steps=2", "removal": Addition(most=1), "target": 0}
    found = explain(masked.image, masked.classifier, **options)  # type: ignore[arg-type]
    assert any("zip did not find a filling that says nothing" in note for note in found.notes)
