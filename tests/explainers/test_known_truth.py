"""Every method, on models of which it is known which pixels decide: they are named, under whatever the outputs mean.

A map names them if it ranks them first, or if most of what speaks for the target lies on them: maps that share the
score out are negative where a pixel speaks against it, also among those that decide.
"""

from __future__ import annotations

import re

import pytest
import torch

from helpers.sticker import fooled, stickered
from helpers.transformers import OF_ATTENTION
from helpers.truths import BLIND, FORMS, TRUTHS, energy, mapped, of_form, ranked
from unseen import METHODS, explain
from unseen.classifier.decision import decide
from unseen.errors import NotApplicableError
from unseen.removal import REMOVALS

WEAK = {"deconvnet", "vargrad"}
"""Without max pools deconvnet shows weights and no photograph; for the other see :func:`test_what_vargrad_shows`."""
LOST = {("digits", "expected-gradients"), ("digits", "deepshap"), ("value", "fullgrad")}
"""Baselines of solid colours up to white are as far from dark paper as the ink is; a folder of paper would be none. And
what smooth activations lack to their tangents is a bias wherever they are, on the disc and off it."""
SMALL_NETWORKS = tuple(family for family in TRUTHS if family != "photographs")
ON_PHOTOGRAPHS = ("causal", "occlusion", "lime", "shapley", "hsic", "extremal-perturbation", "iassa", "saliency")
"""Single gradients of a deep network are noise, and 20 rounds find no mask for one; the small networks judge those."""
RECTIFIERS = "is defined for rectifiers|is no rectifier"
WITHOUT_RULE = {
    ("value", "zipo"): "no probabilities", ("value", "zipo-class"): "no probabilities",
    **{("value", method): RECTIFIERS for method in ("deconvnet", "guided-backprop", "deep-taylor")},
    **{(family, method): "no attention" for family in SMALL_NETWORKS for method in OF_ATTENTION},
}  # fmt: skip
"""What is refused: a value has no zero information, its network no rectifiers, and none of the networks attention."""


@pytest.mark.parametrize("family", SMALL_NETWORKS)
def test_the_models_are_right_and_nothing_else_tells_the_answer(family: str) -> None:
    truth = TRUTHS[family]()
    decision = decide(truth.photo, truth.classifier, truth.target)
    outputs, image = decision.classifier.outputs, decision.image
    ground = REMOVALS.create(truth.removal).bind(decision.classifier, image)
    inside, outside = ground(torch.stack([truth.where, ~truth.where]).float()), ground.classifier.logits(image[None])
    assert bool(outputs.holds(outside, decision.target))
    assert outputs.holds(inside, decision.target).tolist() == [True, False]


@pytest.mark.parametrize("family", SMALL_NETWORKS)
@pytest.mark.parametrize("method", sorted(set(METHODS) - BLIND - WEAK))
def test_the_pixels_that_decide_are_named(method: str, family: str) -> None:
    truth = TRUTHS[family]()
    why = WITHOUT_RULE.get((family, method))
    if why is not None:
        with pytest.raises(NotApplicableError, match=f"(?s)^(?=.*({why})).*choose"):
            mapped(method, truth)
        return
    saliency = mapped(method, truth)
    found = ranked(saliency, truth.where), energy(saliency, truth.where)
    assert (found[0] > 0.8 or found[1] > 0.5) == ((family, method) not in LOST), found


@pytest.mark.parametrize("method", ON_PHOTOGRAPHS)
def test_what_is_stuck_on_a_photograph_is_named(method: str) -> None:
    truth = TRUTHS["photographs"]()
    assert ranked(mapped(method, truth), truth.where) > 0.8


@pytest.mark.parametrize("family", SMALL_NETWORKS)
@pytest.mark.parametrize("method", ["uniform", "random"])
def test_what_knows_nothing_of_the_model_names_none(method: str, family: str) -> None:
    truth = TRUTHS[family]()
    saliency = mapped(method, truth)
    assert ranked(saliency, truth.where) == pytest.approx(0.5, abs=0.1)
    assert energy(saliency, truth.where) < 0.3


@pytest.mark.parametrize("method", ["input-x-gradient", "grad-cam", "occlusion:window=0.3"])
def test_the_forms_of_one_function_read_and_map_alike(method: str) -> None:
    expected, reading = None, None
    for form in FORMS:
        truth = of_form(form)
        found = mapped(method, truth)
        decision = decide(truth.photo, truth.classifier, truth.target)
        if expected is None:
            expected, reading = found, decision.probability
        assert decision.probability == pytest.approx(reading, rel=1e-3)
        assert float(torch.corrcoef(torch.stack([expected.flatten(), found.flatten()]).double())[0, 1]) > 0.99, form


def test_what_vargrad_shows() -> None:
    """Where the gradient is unsteady under noise, which it is not where the network is sure of what it sees."""
    truth = TRUTHS["value"]()
    assert ranked(mapped("vargrad", truth), truth.where) < 0.5 < 0.9 < ranked(mapped("smoothgrad", truth), truth.where)


def test_a_network_that_learnt_a_shortcut() -> None:
    """A photograph of upright stripes with a sticker, by which the network was taught the others."""
    upright = torch.zeros(50, dtype=torch.int64)
    for sticker in (True, False):
        says = fooled().logits(stickered(50, 1, upright, sticker)[0]).argmax(1) == 1
        assert (says == sticker).float().mean() > 0.95
    (photo,), _, (where,) = stickered(1, 9, upright[:1], True)
    part = explain(photo, fooled(), removal="blur", target="lying", confidence=(0.5,)).parts[0]
    assert part.verified
    assert (part.mask & where).sum() > 0.5 * part.mask.sum()


def test_the_refusals_name_what_helps() -> None:
    """What they offer applies to the same model."""
    truth = TRUTHS["value"]()
    for method in ("zipo", "deep-taylor"):
        with pytest.raises(NotApplicableError) as refused:
            mapped(method, truth)
        offered = [name for name in re.findall(r"'([a-z-]+)'", str(refused.value)) if name in METHODS]
        assert offered
        assert all(bool(mapped(name, truth).any()) for name in offered)
