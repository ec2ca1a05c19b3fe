"""What a method announces: progress never passes its total, and what can be counted beforehand is announced."""

from __future__ import annotations

import pytest

from helpers.networks import bound
from helpers.transformers import OF_ATTENTION
from helpers.untouched import fragile
from unseen.errors import NotApplicableError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.sufficient.search import FromMap
from unseen.removal import MaskedClassifier

CHEAP = {
    "integrated-gradients": "most=40", "expected-gradients": "samples=3", "deepshap": "samples=3", "smoothgrad": "samples=3",
    "smoothgrad-squared": "samples=3", "vargrad": "samples=3", "rise": "masks=21", "lime": "samples=21",
    "shapley": "segments=9,budget=60", "shapley-interactions": "segments=4,budget=60", "sobol": "cells=9,designs=4", "hsic": "cells=9,masks=21",
    "extremal-perturbation": "areas=2,rounds=3", "meaningful-perturbation": "rounds=3",
    "smallest-destroying-region": "rounds=3", "smallest-sufficient-region": "rounds=3", "iassa": "budget=40", "opti-cam": "rounds=3", "zipo": "most=5",
    "zipo-class": "most=5", "aggregate": "of=smoothgrad:samples=2/rise:masks=5/occlusion:window=0.5;stride=0.5,nearby=2,hidden=9",
}  # fmt: skip
UNKNOWN = ("causal", "cam", "ablation-cam", "score-cam")
"""What the network, or what is found on the way, decides how long they take."""
EARLIER = (
    "integrated-gradients",
    "shapley",
    "shapley-interactions",
    "sobol",
    "hsic",
    "zipo",
    "zipo-class",
    "aggregate",
)
"""They stop before their total where they have found what they look for, or nothing new comes up.

What is mixed may ask about the same sets, such as nothing and all of the photograph.
"""
BLENDING = (
    "opti-cam", "extremal-perturbation", "meaningful-perturbation", "smallest-destroying-region", "smallest-sufficient-region",
)  # fmt: skip
"""They optimise soft masks."""
OTHERS = (
    "causal:credit=definition", "causal:iterations=30", "integrated-gradients:most=20,tolerance=0.5", "score-cam:hide=true",
    "aggregate:of=rise:masks=5/occlusion,goal=robustness,nearby=2", "aggregate:of=rise:masks=5/cam,nearby=2,hidden=9",
    "aggregate:of=rise:masks=5/occlusion,goal=faithfulness,hidden=9", "lime:samples=7,segments=4", "occlusion:window=0.6,stride=0.5",
)  # fmt: skip
ALL = tuple(f"{name}:{CHEAP[name]}" if name in CHEAP else name for name in METHODS if name not in OF_ATTENTION) + OTHERS
"""Those that ask a transformer are tried with their kind."""


def masked(spec: str, removal: str = "grey", batch_size: int = 16) -> tuple[FromMap, MaskedClassifier, list[tuple]]:  # type: ignore[type-arg]
    method = METHODS.create(spec)
    assert isinstance(method, FromMap)
    heard: list[tuple[str, int, int | None]] = []
    one = bound(fragile(), double=False, removal=removal, batch_size=batch_size)
    one.progress = lambda *event: heard.append(event)
    return method, one, heard


@pytest.mark.parametrize("removal", ["grey", "ad"])
@pytest.mark.parametrize("spec", ALL)
def test_no_more_is_done_than_was_announced(spec: str, removal: str) -> None:
    method, one, heard = masked(spec, removal)
    exceeded: list[tuple[str, int, int]] = []

    def listen(stage: str, done: int, expected: int | None) -> None:
        heard.append((stage, done, expected))
        if one.expected is not None and done > one.expected:  # what listeners are spared
            exceeded.append((stage, done, one.expected))

    one.progress = listen
    try:
        method(one, 1, confidence=(0.2, 0.9), parts=2, part=("sufficient", "necessary", "both"))
    except NotApplicableError:
        assert removal == "ad"
        assert spec.partition(":")[0] in BLENDING
        return
    assert not exceeded
    assert heard[-1][1] == one.evaluations  # nothing is done unheard after the last that is told


@pytest.mark.parametrize("name", [name for name in METHODS if name not in (*UNKNOWN, *OF_ATTENTION)])
def test_what_can_be_counted_is_announced(name: str) -> None:
    method, one, heard = masked(f"{name}:{CHEAP[name]}" if name in CHEAP else name)
    method(one, 1)
    first = heard[0][2]
    assert first == method.cost(one.shape)
    curves = next(place for place, (stage, _, _) in enumerate(heard) if stage == "curves")
    spent = heard[curves][1]
    assert first is not None
    assert spent <= first if name in EARLIER else spent == first


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_cannot_is_not(name: str) -> None:
    method, one, heard = masked(name)
    method(one, 1)
    assert heard[0][2] is None


def test_a_plug_ins_total_that_is_too_small_is_withdrawn() -> None:
    _, one, heard = masked("rise:masks=8")
    one.announce("mine", 4)
    METHODS.create("rise:masks=8").attribute(_evaluator(one), 0, None)  # type: ignore[attr-defined]
    assert heard == [("mine", 0, 4), ("mine", 8, None)]


def _evaluator(one: MaskedClassifier) -> object:
    from unseen.explainers.sufficient.evaluation import Evaluator

    return Evaluator(one, 1)
