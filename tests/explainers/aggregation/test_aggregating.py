"""Real methods on a small network: what they are asked, how often, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from jaxtyping import Bool
from torch import Tensor

from helpers.networks import Network, bound, top
from unseen import Classifier
from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers.aggregation.aggregating import Mixing, aggregate, random_coalitions
from unseen.explainers.aggregation.method import Aggregation
from unseen.explainers.catalogue import METHODS
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.removal import MaskedClassifier


@dataclass(frozen=True)
class Known(FromMap):
    """A map that is a known function of the photograph; the seed is seen in it if it is noisy."""

    kind: str = "red"
    stage = "known"
    empty = "empty"

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "H W"] | None) -> Findings:
        del domain
        image = evaluate.masked.image
        maps = {
            "red": image[0],
            "green": image[1],
            "constant": torch.full_like(image[0], 7),
            "rounded": 7 + 4e-7 * (image[0] > 0.5),
            "not a number": torch.where(image[0] > 0.9, torch.nan, image[0]),
            "infinite here and there": torch.where(image[0] == clean()[0], image[0], torch.inf),
            "opposite": -image[0],
            "faint": 1e-43 * (10 * image[0]).round(),
            "loud": 1e35 * image[0],
            "double": image[0].double(),
            "fixed": torch.rand(image[0].shape, generator=torch.Generator().manual_seed(3)).to(image),
            "noise": torch.rand(image[0].shape, generator=torch.Generator().manual_seed(seed)).to(image) + image[2],
        }
        return Findings(maps[self.kind])

    def cost(self, shape: tuple[int, int]) -> int:
        del shape
        return 0


def asked(*kinds: str) -> dict[str, Any]:
    return {kind: Known(kind=kind) for kind in kinds}


def clean() -> Tensor:
    return masked().image


def masked(**more: Any) -> MaskedClassifier:
    return bound(Network(), double=False, removal="grey", **more)


@pytest.mark.parametrize("goal", ["robustness", "faithfulness", "both"])
def test_only_what_the_goal_is_about_is_asked(goal: Any) -> None:
    one = masked()
    found = aggregate(one, 0, asked("red", "green"), Mixing(goal=goal, nearby=3, hidden=20))
    near, hidden = found.observed.alike
    assert len(near) == (0 if goal == "faithfulness" else 3)
    assert len(hidden) == (0 if goal == "robustness" else 20)
    assert (one.evaluations > 0) == (goal != "robustness")


def test_each_mask_is_one_evaluation_and_the_photograph_another() -> None:
    one = masked()
    aggregate(one, 0, asked("red", "green"), Mixing(goal="faithfulness", hidden=40, segments=20))
    assert one.evaluations <= 41


def test_methods_near_the_photograph_are_counted_and_watched_here() -> None:
    seen: list[tuple[str, int]] = []
    one = masked()
    one.progress = lambda stage, done, _: seen.append((stage, done))
    methods: dict[str, Any] = {name: METHODS.create(name) for name in ("saliency", "input-x-gradient", "occlusion")}
    aggregate(one, 0, methods, Mixing(goal="robustness", nearby=3))
    once = masked()
    for method in (methods["saliency"], methods["occlusion"]):
        method.attribute(Evaluator(once, 0), 0, None)
    assert one.evaluations == 4 * once.evaluations
    assert [done for _, done in seen] == sorted(done for _, done in seen)
    assert "nearby photograph 3 of 3" in [stage for stage, _ in seen]


def test_the_map_is_the_weighted_sum_and_its_sums_predict_drops() -> None:
    found = aggregate(masked(), 0, asked("red", "green", "noise"), Mixing(goal="both", nearby=3, hidden=60))
    assert torch.allclose(found.maps.std((1, 2), correction=0), torch.ones(3), atol=1e-5)
    mixed = torch.einsum("k,khw->hw", found.weights.float(), found.maps)
    assert torch.allclose(found.saliency, found.scale * mixed, atol=1e-6)
    assert float(found.contributions.sum()) == pytest.approx(1)
    loss = found.observed.hidings.loss(found.observed.alike[1])
    assert float(loss(found.scale * found.weights)) <= float(loss(0 * found.weights))


def test_a_constant_map_and_one_that_does_not_look_are_left_out() -> None:
    found = aggregate(masked(), 0, asked("red", "constant", "fixed", "green"), Mixing(goal="both", nearby=3))
    assert found.names == ("red", "green")
    assert set(found.left_out) == {"constant", "fixed"}
    faithful = aggregate(masked(), 0, asked("red", "constant", "fixed"), Mixing(goal="faithfulness"))
    assert faithful.names == ("red", "fixed")
    with pytest.raises(NotApplicableError, match="constant says the same of every pixel"):
        aggregate(masked(), 0, asked("constant"), Mixing(goal="faithfulness"))


def test_a_map_that_is_constant_but_for_rounding_is_left_out() -> None:
    found = aggregate(masked(), 0, asked("red", "rounded"), Mixing(nearby=2))
    assert found.left_out == {"rounded": "says the same of every pixel"}


@pytest.mark.parametrize("goal", ["robustness", "faithfulness", "both"])
def test_maps_that_are_not_finite_are_left_out_for_that(goal: Any) -> None:
    found = aggregate(masked(), 0, asked("red", "not a number"), Mixing(goal=goal, nearby=2))
    assert (found.names, found.left_out) == (("red",), {"not a number": "has values that are not finite"})
    if goal != "faithfulness":
        found = aggregate(masked(), 0, asked("infinite here and there", "red"), Mixing(goal=goal, nearby=2))
        assert found.left_out == {"infinite here and there": "has values that are not finite"}
        assert bool(found.saliency.isfinite().all())


@pytest.mark.parametrize("goal", ["robustness", "faithfulness", "both"])
def test_maps_of_any_size_and_precision_are_mixed(goal: Any) -> None:
    found = aggregate(masked(), 0, asked("red", "faint", "loud", "double"), Mixing(goal=goal, nearby=2, strength=1.0))
    assert found.names == ("red", "faint", "loud", "double")
    assert found.weights[0].item() == pytest.approx(found.weights[2].item(), rel=1e-3)
    assert found.weights[0].item() == pytest.approx(found.weights[3].item(), rel=1e-3)
    assert 0.05 < float(found.weights[1]) < 0.3  # so faint that float32 knows it by ten steps
    assert found.saliency.dtype == torch.float32
    assert bool(found.saliency.isfinite().all())


@pytest.mark.parametrize("goal", ["robustness", "faithfulness", "both"])
def test_a_map_beside_its_opposite_is_still_a_map(goal: Any) -> None:
    alone = aggregate(masked(), 0, asked("red"), Mixing(goal=goal, nearby=2))
    found = aggregate(masked(), 0, asked("red", "opposite"), Mixing(goal=goal, nearby=2))
    assert sorted(found.weights.tolist()) == [0, 1]
    assert torch.allclose(found.saliency.abs(), alone.saliency.abs())


def test_a_constant_beneath_a_map_gains_it_nothing() -> None:
    """The same map with a constant of a thousand times its size beneath it: robustness does not prefer it."""

    @dataclass(frozen=True)
    class Raised(Known):
        def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "H W"] | None) -> Findings:
            return Findings(super().attribute(evaluate, seed, domain).saliency + 1000)

    found = aggregate(masked(), 0, {"plain": Known(), "raised": Raised()}, Mixing(goal="robustness", nearby=4))
    assert found.held.sensitivity.tolist() == pytest.approx([float(found.held.sensitivity[0])] * 4, rel=1e-3)


def test_random_numbers_are_common_near_the_photograph() -> None:
    """The noise of the seed is the same in all maps, so that only the photograph's change is left."""
    found = aggregate(masked(), 0, asked("noise"), Mixing(goal="robustness", nearby=3, radius=0.01))
    assert float(found.observed.changes.sensitivity(found.weights, found.observed.alike[0])) < 0.03


def test_the_same_twice_and_in_other_batches() -> None:
    methods: dict[str, Any] = {name: METHODS.create(name) for name in ("rise:masks=40", "occlusion", "saliency")}
    one, other, third = (
        aggregate(masked(batch_size=size), 0, methods, Mixing(nearby=2, hidden=30), seed=seed)
        for size, seed in ((None, 0), (5, 0), (None, 1))
    )
    assert torch.allclose(one.saliency, other.saliency, atol=1e-4)
    assert not torch.allclose(one.saliency, third.saliency, atol=1e-4)


@pytest.mark.parametrize("goal", ["robustness", "faithfulness", "both"])
@pytest.mark.parametrize("strength", [None, 0.0, 1.0])
def test_weights_of_real_methods_meet_their_conditions(goal: Any, strength: float | None) -> None:
    """Those of Karush, Kuhn and Tucker, and no method nor the mean has a smaller loss."""
    methods: dict[str, Any] = {name: METHODS.create(name) for name in ("occlusion", "saliency", "input-x-gradient")}
    one = masked()
    found = aggregate(one, top(one), methods, Mixing(goal=goal, nearby=3, hidden=30, strength=strength))
    assert float(found.weights.sum()) == pytest.approx(1)
    assert float(found.program.certificate(found.weights)) < 1e-6
    others = torch.cat([torch.eye(3), torch.full((1, 3), 1 / 3)]).double()
    assert float(found.program.loss(found.weights)) <= float(found.program.loss(others).min()) * (1 + 1e-9)


def test_a_network_in_double_precision_is_no_hindrance() -> None:
    methods: dict[str, Any] = {name: METHODS.create(name) for name in ("occlusion", "saliency", "grad-cam")}
    found = aggregate(bound(Network()), 0, methods, Mixing(nearby=2, hidden=20))
    assert found.saliency.dtype == torch.float32


def test_twins_are_told() -> None:
    found = aggregate(masked(), 0, {"one": Known(), "two": Known(), "other": Known(kind="green")}, Mixing(nearby=3))
    ((one, two, correlation),) = found.twins
    assert (one, two) == ("one", "two")
    assert correlation == pytest.approx(1)
    assert float(found.weights[0]) == pytest.approx(float(found.weights[1]), abs=1e-4)


def test_towards_leads_few_observations() -> None:
    aim = torch.tensor([0.9, 0.1])
    found = aggregate(masked(), 0, asked("red", "green"), Mixing(nearby=2, strength=1e6), towards=aim)
    assert found.weights.tolist() == pytest.approx([0.9, 0.1], abs=1e-3)
    for wrong in (0.0, torch.nan, torch.inf):
        with pytest.raises(ParameterError, match="2 finite weights above 0"):
            aggregate(masked(), 0, asked("red", "green"), Mixing(), towards=torch.tensor([1.0, wrong]))


def test_coalitions_hide_from_one_segment_to_a_half() -> None:
    hidden = (~random_coalitions(9, 500, torch.Generator().manual_seed(0))).sum(1)
    assert set(hidden.tolist()) == {1, 2, 3, 4}
    assert bool((~random_coalitions(1, 5, torch.Generator().manual_seed(0))).all())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("goal=fame", "not a choice"),
        ("balance=2", "balance must be in \\[0, 1\\], got 2.0"),
        ("nearby=0", "nearby must be at least 1, got 0"),
        ("radius=0", "radius must be in \\(0, 1\\], got 0.0"),
        ("hidden=3", "hidden must be at least 4, got 3"),
        ("segments=0", "segments must be at least 2, got 0"),
        ("strength=-1", "strength must be at least 0, got -1.0"),
        ("of=grad-cam/aggregate", "cannot be aggregated"),
        ("of=grad-camm", "unknown method 'grad-camm'"),
        ("of=rise:masks=0", "masks must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_asked_is_refused(options: str, said: str) -> None:
    with pytest.raises(Exception, match=said) as refused:
        METHODS.create(f"aggregate:{options}")
    assert isinstance(refused.value, ParameterError) or "unknown" in said


@pytest.mark.parametrize("name", ["deconvnet", "saliency"])
def test_a_method_that_cannot_explain_the_network_is_named(name: str) -> None:
    rigid = Network(lambda self, x: self.judge(torch.tanh(self.first(x))).detach())
    with pytest.raises(NotApplicableError, match=f"{name} cannot be mixed"):
        aggregate(bound(rigid, double=False), 0, {name: METHODS.create(name)}, Mixing(goal="faithfulness"))


def test_the_spec_says_all_and_options_of_methods_survive() -> None:
    spec = "aggregate:of=rise:masks=50;grid=4/expected-gradients:photos=/a/b/grad-cam++,goal=robustness"
    method = METHODS.create(spec)
    assert isinstance(method, Aggregation)
    assert [*method.methods] == ["rise:masks=50;grid=4", "expected-gradients:photos=/a/b", "grad-cam++"]
    assert method.methods["rise:masks=50;grid=4"] == METHODS.create("rise:masks=50,grid=4")
    assert METHODS.create(METHODS.spec_of(method)) == method


def test_as_a_method_it_tells_weights_losses_and_the_front() -> None:
    one = bound(Network(), double=False, removal="grey")
    method = Aggregation(of="saliency/input-x-gradient/occlusion", nearby=3, hidden=30)
    findings = method(one, top(one))
    told = findings.record["map"]
    assert sum(row["weight"] for row in told["methods"]) == pytest.approx(1)
    assert [row["method"] for row in told["methods"]] == ["saliency", "input-x-gradient", "occlusion"]
    assert told["certificate"] < 1e-6
    assert all(row["low"] <= row["high"] for row in told["methods"])
    assert {"mixture", "mean"} == set(told["held_out"])
    assert [point["lambda"] for point in told["front"]][::10] == [0.0, 1.0]
    robust = Aggregation(of="saliency/occlusion", goal="robustness", nearby=2)(one, top(one)).record["map"]
    assert robust["held_out"]["mixture"]["infidelity"] is None
    assert robust["front"] == []


def test_a_network_that_drops_nothing_is_no_ones_to_be_faithful_to() -> None:
    class Still(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([0 * x.mean((1, 2, 3)), 0 * x.mean((1, 2, 3)) + 1], 1)

    still: Classifier = bound(Still(), double=False).classifier
    one = bound(still.model, double=False)
    found = aggregate(one, 1, asked("red", "green"), Mixing(goal="both", nearby=2))
    assert found.weights.tolist() == [0, 0]
    assert not bool(found.saliency.any())
