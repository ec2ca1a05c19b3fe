from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unseen.errors import UnseenError
from unseen.evaluation.judging.plan import Plan

PHOTOS = (Path("a/one.jpg"), Path("a/two.jpg"))


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"photos": ()}, "no photos"),
        ({"photos": (Path("a/one.jpg"), Path("b/one.jpg"))}, "two photographs are called one.jpg"),
        ({"removals": ("gray",)}, "did you mean 'grey'"),
        ({"methods": ("casual",)}, "did you mean 'causal'"),
        ({"metrics": ("robustness",)}, "did you mean"),
        ({"metrics": ("roar",)}, "run unseen retrain --metric roar"),
        ({"confidence": (1.5,)}, "outside"),
        ({"confidence": ()}, "no confidence"),
        ({"metrics": ("",)}, "one of the metrics has no name"),
        ({"methods": ("causal", "")}, "one of the methods has no name"),
        ({"metrics": ("insertion@",)}, "names no removal after the @"),
        ({"backgrounds": 0}, "at least 1"),
        ({"seed": -1}, "seed"),
    ],
)
def test_nonsense_is_refused_before_any_work(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(UnseenError, match=said):
        Plan(**{"photos": PHOTOS, **bad})


def test_a_plan_is_json_and_its_identity_leaves_out_what_may_grow() -> None:
    small, large = Plan(PHOTOS[:1], removals=("ad",), backgrounds=5), Plan(PHOTOS)
    json.dumps(large.to_dict())
    assert small.identity == large.identity
    assert Plan(PHOTOS, seed=1).identity != large.identity
    assert Plan(PHOTOS, confidence=(0.5,)).identity != large.identity
