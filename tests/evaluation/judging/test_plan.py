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


def test_a_plan_is_json() -> None:
    json.dumps(Plan(PHOTOS).to_dict())
