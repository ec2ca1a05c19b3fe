from __future__ import annotations

import pytest

import toys
from unseen.causal import Causal
from unseen.methods import METHODS, Method, spec_of
from unseen.registry import Entry


@pytest.mark.parametrize(
    ("method", "spec"),
    [
        (Causal(), "causal"),
        (Causal(iterations=3), "causal:iterations=3"),
        (Causal(iterations=3, credit="rex", blur=0.125), "causal:iterations=3,credit=rex,blur=0.125"),
        (toys.Toy(wait=True), "toy:wait=true"),
    ],
)
def test_a_spec_builds_the_method_again(monkeypatch: pytest.MonkeyPatch, method: Method, spec: str) -> None:
    monkeypatch.setitem(METHODS.entries, "toy", toys.METHOD)
    assert spec_of(method) == spec
    assert METHODS.create(spec) == method


def test_a_method_of_ones_own_is_called_by_its_class() -> None:
    assert spec_of(toys.Toy()) == "Toy"
    assert spec_of(toys.Toy(stretch=2)) == "Toy:stretch=2"
    assert spec_of(test_a_method_of_ones_own_is_called_by_its_class) == "function"


def test_every_method_has_a_source_and_a_cost() -> None:
    for entry in METHODS.entries.values():
        assert isinstance(entry, Entry)
        assert entry.citation
        assert entry.cost
        assert isinstance(entry.load()(), Method)
