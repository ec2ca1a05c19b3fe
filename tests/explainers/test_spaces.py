"""Every method explains signals and volumes as it explains images, or refuses them by name."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from helpers.spaces import SPACES, bright, looking, part_of
from unseen import explain
from unseen.errors import NotApplicableError
from unseen.explainers import METHODS, map_of
from unseen.removal import REMOVALS

FOUND = {  # cheap enough for a test
    "causal": "causal:iterations=8",
    "rise": "rise:masks=400",
    "lime": "lime:samples=300",
    "shapley": "shapley:budget=300",
    "expected-gradients": "expected-gradients:samples=20",
    "shapley-interactions": "shapley-interactions:segments=8",
    "deepshap": "deepshap:samples=10",
    "iassa": "iassa:beta=1,budget=300",
    "sobol": "sobol:designs=8",
    "hsic": "hsic:masks=300",
    "aggregate": "aggregate:of=occlusion/input-x-gradient",
}
ELSEWHERE = {"random", "uniform", "edges", "vargrad"}
"""Controls, whose map knows nothing of the network; and the variance of a gradient that is the same everywhere."""


def refused(method: Any) -> bool:
    return method.axes == (2,)


@pytest.mark.parametrize("kind", ["signal", "volume"])
@pytest.mark.parametrize("name", sorted(METHODS.entries))
def test_the_part_that_counts_is_found_or_the_method_refused(name: str, kind: str) -> None:
    space = SPACES[kind]
    classifier, image = looking(space), bright(space)
    method = METHODS.create(FOUND.get(name, name))
    masked = REMOVALS.create("grey").bind(classifier, image)
    if refused(method):
        with pytest.raises(NotApplicableError, match=f"is for images so far, and the input is a {kind} of"):
            map_of(method, masked, 0)
        return
    try:
        saliency = map_of(method, masked, 0)
    except NotApplicableError as error:  # of this network, as it would be of one that sees images
        with pytest.raises(NotApplicableError, match=re.escape(str(error)[:20])):
            map_of(method, REMOVALS.create("grey").bind(looking(SPACES["image"]), bright(SPACES["image"])), 0)
        return
    assert saliency.shape == space
    part = part_of(space)
    if name not in ELSEWHERE:
        margin = 1.4 if name == "causal" else 2.0  # a box around the part earns as much as the part
        assert float(saliency[part].mean()) > margin * float(saliency[~part].abs().mean())


@pytest.mark.parametrize("kind", ["signal", "volume"])
def test_a_small_part_is_found_that_suffices(kind: str) -> None:
    space = SPACES[kind]
    found = explain(
        bright(space), looking(space), method="causal", removal="black", confidence=(0.9,), part="sufficient"
    )
    (part,) = found.parts
    counting = part_of(space)
    assert part.verified
    assert part.minimal_block is not None
    assert part.fraction < 0.25
    assert float((part.mask & counting).sum() / part.mask.sum()) > 3 * float(counting.float().mean())
    assert found.curve is not None
    assert found.curve.insertion_area > found.curve.deletion_area + 0.2


@pytest.mark.parametrize("kind", ["signal", "volume"])
def test_a_refusal_comes_before_any_work(kind: str) -> None:
    space = SPACES[kind]
    for asked in ({"method": "iassa", "removal": "grey"}, {"method": "occlusion", "removal": "mae:nowhere"}):
        with pytest.raises(NotApplicableError, match="is for images so far"):
            explain(bright(space), looking(space), **asked)
    assert explain(bright(space), looking(space), method="occlusion", removal="neighbour").saliency.shape == space


def test_the_parts_of_an_image_are_split_as_ever() -> None:
    """Signals into intervals, volumes along two axes of three: always at most four boxes that are the whole."""
    from unseen.explainers.causal.responsibility import _divisible, _Job

    for box, least in ((((0, 100),), 5), (((0, 30), (0, 40)), 5), (((0, 30), (0, 40), (0, 50)), 5)):
        for seed in range(20):
            pieces = _Job(0, (), box).quarters(seed, least)
            assert len(pieces) == 4
            cover = torch.zeros([stop for _, stop in box])
            for piece in pieces:
                assert all(stop - start >= least for start, stop in piece)
                cover[tuple(slice(*interval) for interval in piece)] += 1
            assert bool((cover == 1).all())
    assert not _divisible(((0, 19),), 5)
    assert not _divisible(((0, 9), (0, 90)), 5)
    assert len(_Job(0, (), ((0, 9), (0, 9), (0, 90))).quarters(0, 5)) == 2
