"""Parameter randomisation: which layers, with what values, and against a loop that draws by hand."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from helpers.networks import Network, bound, top
from unseen import Classifier, Preprocessing
from unseen.errors import ModelError, NotApplicableError, ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.metrics import METRICS
from unseen.metrics.case import Case, judge
from unseen.metrics.randomisation import LayerOrder, ParameterRandomisation
from unseen.metrics.redrawing import Redrawn
from unseen.metrics.similarity import Similarity, similar
from unseen.pipeline.explain import explainer
from unseen.removal import REMOVALS

NO_RESIZE = Preprocessing((16, 16), None)
IMAGE = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(5))


def attending(network: Network, x: Tensor) -> Tensor:
    """Convolutions out of the order of registration, an attention whose projection is not called, no dense layer."""
    features = network.norm(network.first(x)).relu() + network.second(network.first(x))
    tokens = features[:, :, ::4, ::4].flatten(2).transpose(1, 2)
    return network.head(network.attention(tokens, tokens, tokens)[0].mean(1))


class Prompted(nn.Module):
    """Parameters of its own, one that is constant, and a layer that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(4, 4)
        self.scale = nn.Parameter(torch.full((4,), 2.0))
        self.prompt = nn.Parameter(torch.randn(4, generator=torch.Generator().manual_seed(0)) + 3)
        self.patch = nn.Conv2d(3, 4, 4, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head((self.patch(x).mean((2, 3)) + self.prompt) * self.scale)


def judged(spec: str, model: nn.Module | None = None, **more: Any) -> Case:
    masked = bound(model or Network(), double=False)
    explain = explainer(METHODS.create(spec), REMOVALS.create("grey"))
    target = top(masked)
    return Case(explain(masked.classifier, masked.image, target), target, masked, explain, **more)


def test_layers_are_those_that_run_in_their_order() -> None:
    found = Redrawn(Classifier(Network(attending), NO_RESIZE), IMAGE).layers
    assert found == ("first", "norm", "second", "attention", "attention.out_proj", "head")
    assert Redrawn(Classifier(Prompted(), NO_RESIZE), IMAGE).layers == ("", "patch", "head")
    plain = Network()
    plain.requires_grad_(False)
    redrawn = Redrawn(Classifier(plain, NO_RESIZE), IMAGE)
    assert redrawn.layers == ("first", "second", "head")
    assert not any(parameter.requires_grad for parameter in redrawn.classifier().model.parameters())


def test_blocks_are_even_and_in_order() -> None:
    redrawn = Redrawn(Classifier(Network(attending), NO_RESIZE), IMAGE)
    assert [len(block) for block in redrawn.blocks(4)] == [2, 2, 1, 1]
    assert redrawn.blocks(None) == redrawn.blocks(100) == [(name,) for name in redrawn.layers]
    assert sum(redrawn.blocks(4), ()) == redrawn.layers


def test_values_are_drawn_anew_as_a_new_layer_has_them() -> None:
    model = Network(attending)
    redrawn = Redrawn(Classifier(model, NO_RESIZE), IMAGE, seed=1)
    redrawn.draw(redrawn.layers)
    drawn = redrawn.classifier().model
    assert float(drawn.norm.weight.detach().min()) == float(drawn.norm.running_var.max()) == 1.0
    assert bool((drawn.norm.running_mean == 0).all())
    bound_of = (1 / (3 * 9)) ** 0.5
    assert bool((drawn.first.weight.abs() <= bound_of).all())
    assert not torch.equal(drawn.first.weight, model.first.weight)
    trained, new = model.attention.in_proj_weight, drawn.attention.in_proj_weight
    assert float(new.detach().std()) == pytest.approx(float(trained.detach().std()), rel=0.25)
    assert not torch.equal(new, trained)
    assert torch.equal(drawn.dense.weight, model.dense.weight)  # it never runs


def test_what_is_constant_stays_and_the_rest_keeps_its_scale() -> None:
    model = Prompted()
    redrawn = Redrawn(Classifier(model, NO_RESIZE), IMAGE)
    redrawn.draw([""])
    drawn = redrawn.classifier().model
    assert torch.equal(drawn.scale, model.scale)
    assert not torch.equal(drawn.prompt, model.prompt)
    assert float(drawn.prompt.detach().mean()) == pytest.approx(3, abs=1.5)
    assert torch.equal(drawn.patch.weight, model.patch.weight)


def test_a_layer_is_the_same_in_any_company_and_can_be_put_back() -> None:
    classifier = Classifier(Network(attending), NO_RESIZE)
    one, other = Redrawn(classifier, IMAGE, seed=3), Redrawn(classifier, IMAGE, seed=3)
    one.draw(["head"])
    other.draw(["first", "norm", "head"])
    assert torch.equal(one.classifier().model.head.weight, other.classifier().model.head.weight)
    other.restore()
    assert torch.equal(other.classifier().logits(IMAGE[None]), classifier.logits(IMAGE[None]))
    for name, tensor in other.classifier().model.state_dict().items():
        assert torch.equal(tensor, classifier.model.state_dict()[name])
    third = Redrawn(classifier, IMAGE, seed=4)
    third.draw(["head"])
    assert not torch.equal(one.classifier().model.head.weight, third.classifier().model.head.weight)


@pytest.mark.parametrize("order", get_args(LayerOrder))
@pytest.mark.parametrize("similarity", get_args(Similarity))
def test_equals_a_loop_that_builds_every_network(order: LayerOrder, similarity: Similarity) -> None:
    one = judged("input-x-gradient", Network(attending), seed=2)
    everything = Redrawn(one.classifier, one.image, 2)
    everything.draw(everything.layers)
    new = everything.classifier().model
    names = list(everything.layers)
    expected = []
    for stage in range(len(names)):
        anew = {
            "top-down": names[len(names) - 1 - stage :],
            "bottom-up": names[: stage + 1],
            "independent": [names[stage]],
        }
        network = copy.deepcopy(one.classifier.model)
        for name in anew[order]:
            source, goal = new.get_submodule(name), network.get_submodule(name)
            own = [*source.named_parameters(recurse=False), *source.named_buffers(recurse=False)]
            for key, value in own:
                getattr(goal, key).data.copy_(value.data)
        after = one.explained(one.image, Classifier(network, one.classifier.preprocessing))
        expected.append(float(similar(one.saliency.abs()[None], after.abs()[None], similarity)))
    metric = ParameterRandomisation(order, None, similarity)
    curve = metric.curve(one)
    assert [stage.similarity for stage in curve] == pytest.approx(expected, abs=1e-6)
    assert [stage.drawn for stage in curve] == [(name,) for name in (names[::-1] if order == "top-down" else names)]
    assert metric(one) == pytest.approx(sum(expected) / len(expected), abs=1e-6)


def test_controls_do_not_know_the_network() -> None:
    for spec in ("edges", "random"):
        assert ParameterRandomisation()(judged(spec)) == pytest.approx(1.0)
        assert ParameterRandomisation(similarity="ssim", layers=1)(judged(spec)) == pytest.approx(1.0)
    assert ParameterRandomisation(similarity="ssim", layers=1)(judged("uniform")) == pytest.approx(1.0)
    assert ParameterRandomisation(layers=2)(judged("saliency")) < 0.9


def case_of(after: list[Tensor | None]) -> Case:
    """Of a method whose maps of the randomised networks are these, one after another; of ``None`` the network fails."""
    one, maps = judged("saliency"), list(after)

    def explain(*_: object) -> Tensor:
        found = maps.pop(0)
        if found is None:
            raise ModelError("NaN or infinite logits")
        return found

    return Case(one.saliency, one.target, one.masked, explain)


EMPTY, FLAT, VOID = torch.zeros(16, 16), torch.ones(16, 16), torch.full((16, 16), float("nan"))


def test_maps_without_form_and_networks_that_die_are_left_out() -> None:
    """An empty map is not unlike the network's: counted as 0, the best value, it rewarded methods that fail."""
    metric, saliency = ParameterRandomisation(layers=None), judged("saliency").saliency
    stages = metric.curve(case_of([FLAT, None, VOID]))
    assert str([stage.similarity for stage in stages]) == "[nan, nan, nan]"
    assert metric(case_of([EMPTY, None, saliency])) == pytest.approx(1.0)
    assert metric(case_of([EMPTY, saliency.flip(1), saliency])) < 1.0
    assert ParameterRandomisation(layers=None, similarity="ssim")(case_of([EMPTY, VOID, saliency])) == pytest.approx(
        1.0
    )


@pytest.mark.parametrize("similarity", get_args(Similarity))
def test_nothing_but_maps_without_form_is_no_value_and_says_why(similarity: Similarity) -> None:
    metric = ParameterRandomisation(layers=None, similarity=similarity)
    with pytest.raises(NotApplicableError, match="every map that a randomised network gives is empty"):
        metric(case_of([EMPTY, None, VOID]))
    with pytest.raises(NotApplicableError, match="the map is empty or the same everywhere"):
        metric(replace(case_of([]), saliency=EMPTY))
    if similarity != "ssim":
        with pytest.raises(NotApplicableError, match="the same everywhere"):
            metric(judged("uniform"))
    with pytest.raises(ModelError, match="no randomised network can be explained"):
        metric(case_of([None, None, None]))


def test_the_row_of_a_search_that_finds_nothing_in_random_networks_says_why() -> None:
    (value,) = judge([(case_of([EMPTY] * 3), METRICS.create("parameter-randomisation:layers=none"))])
    assert isinstance(value, NotApplicableError)
    assert "nothing to compare with" in str(value)


def test_what_cannot_be_drawn_is_refused() -> None:
    class Bare(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3))

    class Single(Network):
        def __deepcopy__(self, memo: Any) -> Network:
            raise TypeError("there is only one")

    with pytest.raises(NotApplicableError, match="no layers"):
        Redrawn(Classifier(Bare(), NO_RESIZE), IMAGE)
    with pytest.raises(ModelError, match="there is only one"):
        Redrawn(Classifier(Single(), NO_RESIZE), IMAGE)
    with pytest.raises(NotApplicableError, match="give an explainer"):
        ParameterRandomisation()(Case(IMAGE[0], 0, bound(Network(), double=False)))
    for spec, word in (("order=up", "order"), ("layers=0", "layers"), ("similarity=kendall", "similarity")):
        with pytest.raises(ParameterError, match=word):
            METRICS.create(f"parameter-randomisation:{spec}")


def test_a_copy_is_prepared_like_the_original() -> None:
    original = Classifier(Network(), NO_RESIZE, ["a", "b", "c"], name="mine").optimised()
    copied = Redrawn(original, IMAGE).classifier()
    assert (copied.name, copied.labels, copied.preprocessing) == ("mine", ("a", "b", "c"), NO_RESIZE)
    assert (copied.memory_format, copied.is_optimised) == (torch.channels_last, True)
    assert torch.equal(copied.logits(IMAGE[None]), original.logits(IMAGE[None]))


def test_a_map_without_form_asks_nobody() -> None:
    masked = bound(Network(), double=False)
    with pytest.raises(NotApplicableError, match="the map is empty or the same everywhere"):
        ParameterRandomisation()(Case(torch.ones(16, 16), 0, masked))
