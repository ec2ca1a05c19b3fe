"""Weights that are learnt on several photographs and used on others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.networks import Network, bound
from unseen.errors import NotApplicableError, OutputError, ParameterError
from unseen.explainers import METHODS
from unseen.explainers.aggregation.aggregating import AskedMaps, Mixing, ask, random_coalitions
from unseen.explainers.aggregation.assessment import FOLDS, folds
from unseen.explainers.aggregation.learning import Learnt, _of, _pooled, learn, read_weights
from unseen.explainers.aggregation.programs import Observed, program
from unseen.explainers.aggregation.quality import Changes, Hidings, hidings
from unseen.explainers.sufficient.search import findings_of
from unseen.inputs.streams import stream_of


def seen(
    sums: Tensor, drops: Tensor, grams: Tensor, left_out: dict[str, str] | None = None, count: int = 2
) -> AskedMaps:
    names = tuple("abc"[:count])
    observed = Observed(Changes(grams.double(), torch.eye(count).double()), Hidings(sums.double(), drops.double()))
    return AskedMaps(names, torch.zeros(count, 2, 2), observed, left_out or {}, ())


GRAMS = torch.eye(2)[None]


def test_of_one_photograph_they_are_its_own() -> None:
    stream = torch.Generator().manual_seed(0)
    sums, drops = torch.randn(30, 2, generator=stream), torch.randn(30, generator=stream) + 1
    sums = sums + drops[:, None] * torch.tensor([1.0, 0.5])
    one = seen(sums, drops, GRAMS)
    for goal in ("robustness", "faithfulness", "both"):
        expected = program(one.observed, goal).weights()  # type: ignore[arg-type]
        found = learn([one], Mixing(goal=goal, strength=0.0))  # type: ignore[arg-type]
        assert [*found.weights.values()] == pytest.approx(expected.tolist(), abs=1e-6)


def test_every_photograph_counts_alike_however_large_its_drops_are() -> None:
    """On one photograph the first method tells the drops, on the other the second, where they are 1000 times larger."""
    drops = torch.linspace(-1, 1, 21)
    told = torch.stack([drops, torch.zeros(21)], 1)
    both = [seen(told, drops, GRAMS), seen(1000 * told.flip(1), 1000 * drops, GRAMS)]
    found = learn(both, Mixing(goal="faithfulness", strength=0.0))
    assert found.photographs == 2
    assert found.weights["a"] == pytest.approx(0.5)


def test_what_cannot_be_mixed_on_one_photograph_is_left_out() -> None:
    drops = torch.linspace(-1, 1, 21)
    whole = seen(torch.stack([drops, drops], 1), drops, GRAMS)
    part = seen(drops[:, None], drops, GRAMS[:, :1, :1], {"b": "says the same of every pixel"}, 1)
    found = learn([whole, part], Mixing(goal="faithfulness", strength=0.0))
    assert (dict(found.weights), dict(found.left_out)) == ({"a": 1.0}, {"b": "says the same of every pixel"})
    with pytest.raises(ParameterError, match="no photographs"):
        learn([], Mixing())
    with pytest.raises(NotApplicableError, match="no mixture of these methods predicts"):
        learn([seen(-whole.observed.hidings.sums, drops, GRAMS)], Mixing(goal="faithfulness"))


def test_they_are_used_on_other_photographs_at_the_price_of_the_maps(tmp_path: Path) -> None:
    of = "saliency/occlusion:window=0.3;stride=0.3"
    options = Mixing(nearby=2, hidden=20, segments=9)
    methods: Any = METHODS.create(f"aggregate:of={of}").methods  # type: ignore[attr-defined]
    images = [torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2, 3)]
    masked = [bound(Network(), double=False, image=image) for image in images]
    learnt = learn((ask(one, 1, methods, options, stream_of(one.image, 0)) for one in masked[:2]), options)
    learnt.save(tmp_path / "mixture.json", masked[0].classifier)
    method: Any = METHODS.create(f"aggregate:of={of},weights={tmp_path / 'mixture.json'}")
    found = findings_of(method, masked[2], 1)
    assert masked[2].evaluations <= method.cost(masked[2].shape) < 60
    record: Any = found.record
    assert record["form"] == "learnt"
    assert {row["method"]: row["weight"] for row in record["methods"]} == pytest.approx(dict(learnt.weights))
    maps = ask(masked[2], 1, methods, options, stream_of(images[2], 0), goal=None).maps
    expected = sum(weight * one for weight, one in zip(learnt.weights.values(), maps, strict=True))
    assert torch.allclose(found.saliency, expected, atol=1e-5)
    assert method.content != ""
    assert found.notes == ()
    other = Network()
    with torch.no_grad():
        next(other.parameters()).add_(1)
    (note,) = findings_of(method, bound(other, double=False), 1).notes
    assert "were learnt for another model" in note


def test_whole_photographs_are_held_out() -> None:
    """Parts of one photograph that is held out tell nothing of the others; of one alone parts must be."""
    drops, known = torch.linspace(-1, 1, 5), torch.stack([torch.ones(5), torch.linspace(0, 1, 5)], 1).double()
    asked = seen(torch.stack([drops, drops**2], 1), drops, GRAMS.expand(2, 2, 2))
    asked = replace(asked, observed=replace(asked.observed, hidings=replace(asked.observed.hidings, known=known)))
    one = _of(asked, "ab")
    near, hidden = folds(_pooled([one] * 3))
    for fold in range(FOLDS):
        kept = torch.arange(3) != fold % 3
        assert torch.equal(near[fold], kept.repeat_interleave(2).double())
        assert torch.equal(hidden[fold], kept.repeat_interleave(5).double())
    assert torch.equal(_pooled([one]).hidings.known, known)  # type: ignore[arg-type]
    assert [fold.shape for fold in folds(_pooled([one]))] == [(FOLDS, 2), (FOLDS, 5)]


def test_to_free_photographs_again_without_others_changes_nothing() -> None:
    """Why those that are held out as a whole need not be freed by what is known of them."""
    stream, parts = torch.Generator().manual_seed(0), []
    for _ in range(2):
        shown = random_coalitions(6, 12, stream)
        maps, drops = torch.randn(2, 6, generator=stream), torch.randn(12, generator=stream)
        parts.append(hidings(maps, shown, torch.arange(6), drops))
    both = torch.block_diag(*(part.known for part in parts))  # type: ignore[misc]
    together = Hidings(torch.cat([part.sums for part in parts]), torch.cat([part.drops for part in parts]), both)
    freed = together.freed(torch.tensor([1.0] * 12 + [0.0] * 12))
    assert torch.allclose(freed.sums, together.sums, atol=1e-10)
    assert torch.allclose(freed.drops, together.drops, atol=1e-10)


def test_weights_and_a_form_exclude_each_other() -> None:
    with pytest.raises(ParameterError, match="used as they are; leave form=mean out"):
        METHODS.create("aggregate:weights=mixture.json,form=mean")


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path, model = tmp_path / "mixture.json", bound(Network(), double=False).classifier
    with pytest.raises(OutputError, match=r"mixture\.json cannot be read: No such file.*; learn weights by unseen mix"):
        read_weights(path, ["a"], model)
    path.write_text("[]")
    with pytest.raises(OutputError, match="holds no weights of a mixture"):
        read_weights(path, ["a"], model)
    Learnt({"a": 0.4, "b": 0.6}, {"c": "says the same of every pixel"}, 2, 0.0).save(path, model)
    with pytest.raises(ParameterError, match="has weights of b; mix the methods that it was learnt for: of=a/b"):
        read_weights(path, ["a"], model)
    with pytest.raises(ParameterError, match=r"has no weights of d; mix the methods that .*: of=a/b, or learn anew"):
        read_weights(path, ["b", "a", "d"], model)
    assert read_weights(path, ["b", "a", "c"], model) == ({"b": 0.6, "a": 0.4, "c": 0.0}, ())
    Learnt({"a": 0.0}, {}, 2, 0.0).save(path, model)
    with pytest.raises(OutputError, match="below 0, or none above"):
        read_weights(path, ["a"], model)
