from __future__ import annotations

import pytest

from helpers import toys
from unseen.errors import ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.causal.method import Causal
from unseen.explainers.method import Method
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
    assert METHODS.spec_of(method) == spec
    assert METHODS.create(spec) == method


def test_a_method_of_ones_own_is_called_by_its_class() -> None:
    assert METHODS.spec_of(toys.Toy()) == "Toy"
    assert METHODS.spec_of(toys.Toy(stretch=2)) == "Toy:stretch=2"
    assert METHODS.spec_of(test_a_method_of_ones_own_is_called_by_its_class) == "function"


def test_every_method_has_a_source_and_a_cost() -> None:
    for entry in METHODS.entries.values():
        assert isinstance(entry, Entry)
        assert entry.citation
        assert entry.cost
        assert isinstance(entry.load()(), Method)


@pytest.mark.parametrize("name", list(METHODS))
def test_every_name_is_the_spec_of_what_it_makes(name: str) -> None:
    assert METHODS.spec_of(METHODS.create(name)) == name


def test_options_that_a_name_presets_are_left_out() -> None:
    assert METHODS.spec_of(METHODS.create("vargrad:samples=9")) == "vargrad:samples=9"
    assert METHODS.spec_of(METHODS.create("lrp-gamma:gamma=0.5")) == "lrp-gamma:gamma=0.5"
    with pytest.raises(ParameterError, match="no option 'weights'"):
        METHODS.create("grad-cam:weights=cam")
