from __future__ import annotations

import torch

from helpers.synthetic import make_explanation, make_part
from unseen import Explanation
from unseen.explanation import Findings


def test_an_explanation_is_printed_in_three_lines() -> None:
    assert str(make_explanation()).splitlines() == [
        "espresso 95.0 %, causal under zero",
        "9.4 % of the pixels suffice (γ = 0.5): alone 61.0 %",
        "1,234 evaluations, 1.5 s, 1 note: a note",
    ]


def test_what_is_missing_or_in_doubt_is_said() -> None:
    parts = [make_part(verified=False, rank=rank) for rank in range(5)]
    bare = make_explanation(parts=(), notes=(), provenance={})
    assert str(bare).splitlines()[1:] == ["no part was found", "nothing is recorded of what it took"]
    many = str(make_explanation(parts=tuple(parts), notes=("one", "two"))).splitlines()
    assert many[1].count("NOT verified") == 3
    assert many[1].endswith("; 2 more parts")
    assert many[2].endswith("2 notes: one")
    needed = str(make_explanation(parts=(make_part(role="both"),)))
    assert "9.4 % of the pixels suffice and are necessary" in needed


def test_no_name_breaks_a_line() -> None:
    assert len(str(make_explanation(label="two\nlines", notes=("three\nmore\nlines",))).splitlines()) == 3


def test_no_array_is_printed() -> None:
    explanation: Explanation = make_explanation()
    assert repr(explanation) == (
        "<Explanation: espresso 95.0 %, causal under zero; 9.4 % of the pixels suffice (γ = 0.5): alone 61.0 %>"
    )
    assert repr(make_part()) == (
        "Part(role='sufficient', confidence_threshold=0.5, confidence=0.61, verified=True, rank=0, fraction=0.09375)"
    )
    assert repr(Findings(torch.zeros(20, 24))) == "<Findings: a map of 20 × 24, 0 parts, 0 notes>"
