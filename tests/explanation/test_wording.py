from __future__ import annotations

import pytest

from helpers.synthetic import make_part
from unseen.explanation import wording
from unseen.explanation.evidence import ByChance, Robustness
from unseen.explanation.findings import Part, Said
from unseen.explanation.roles import Role

CUP = Said("cup", 0.4)


@pytest.mark.parametrize(
    ("role", "title", "said"),
    [
        ("sufficient", "What suffices", "Shown nothing but this part, the model still says espresso."),
        ("necessary", "What is necessary", "Without this part the model says cup instead."),
        (
            "both",
            "What suffices and is necessary",
            "Shown nothing but this part, the model still says espresso; without it the model says cup instead.",
        ),
        (
            "robust",
            "What holds on other backgrounds",
            "Planted on other backgrounds, this part is enough on most of them: the model still says espresso.",
        ),
    ],
)
def test_what_a_part_does_is_said_first(role: Role, title: str, said: str) -> None:
    part = make_part(role=role, instead=CUP)
    assert wording.title(part) == title
    assert wording.sentences(part, "espresso") == [said]
    assert wording.title(make_part(role=role, rank=1)) == f"{title}, no. 2"


def test_where_the_decision_holds_without_the_part_it_is_weaker() -> None:
    for instead in (None, Said("espresso", 0.3)):
        said = wording.does(make_part(role="necessary", instead=instead), "espresso")
        assert said == "Without this part the model is much less sure of espresso."


def test_of_a_value_is_said_what_it_becomes() -> None:
    cases: list[tuple[Role, str]] = [
        ("sufficient", "Shown nothing but this part, the decision about age holds."),
        ("necessary", "Without this part age is 12.5 years instead."),
        ("robust", "Planted on other backgrounds, this part is enough on most of them: the decision about age holds."),
    ]
    for role, said in cases:
        assert wording.does(make_part(role=role, instead=Said("age", 12.5)), "age", "years") == said
    assert wording.does(make_part(role="necessary"), "age", "years") == "Without this part age changes."


@pytest.mark.parametrize(
    ("passing", "said"),
    [
        (0, "None of 16 other places of its size and shape does the same."),
        (1, "1 of 16 other places of its size and shape does the same."),
        (2, "2 of 16 other places of its size and shape do the same."),
        (3, "Chance finds it too: 3 of 16 other places of its size and shape do the same. It says little."),
        (9, "Chance finds it too: 9 of 16 other places of its size and shape do the same. It says little."),
    ],
)
def test_how_often_chance_does_it_is_said(passing: int, said: str) -> None:
    assert wording.by_chance(make_part(by_chance=ByChance.of(passing, 16))) == said
    assert wording.by_chance(make_part()) is None


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (make_part(), "Planted on solid colours, it is enough in 19 of 20 cases."),
        (make_part(role="necessary"), "With solid colours in its place, the decision is gone in 19 of 20 cases."),
    ],
)
def test_on_how_many_backgrounds_it_does_so_is_said(part: Part, said: str) -> None:
    judged = make_part(role=part.role, robustness=Robustness.of(19, 20, "solid colours"))
    assert wording.backgrounds(judged) == said
    assert wording.backgrounds(part) is None
