from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.networks import CHANNELS, SIZE, Network, bound, logit, top
from unseen import Classifier
from unseen.errors import NotApplicableError
from unseen.removal import REMOVALS
from unseen.removal.deactivation.features import Features, last_features

LAST = {
    "convolutional": (lambda net, x: net.judge(F.relu(net.second(F.relu(net.first(x))))), (16, 16)),
    "in place": (lambda net, x: net.judge(F.relu(net.norm(net.second(net.first(x))), inplace=True)), (16, 16)),
    "through a view": (lambda net, x: net.judge(net.first(x).flatten(2).relu_().unflatten(2, (16, 16))), (16, 16)),
    "channels last": (lambda net, x: net.head(F.gelu(net.first(x).permute(0, 2, 3, 1)).mean((1, 2))), (16, 16)),
    "tokens": (lambda net, x: net.head(net.dense(net.tokens(x)).relu().mean(1)), (4, 4)),
    "max pool": (lambda net, x: net.judge(F.max_pool2d(net.first(x).relu(), 2)), (8, 8)),
    "maximum over positions": (lambda net, x: net.head(net.first(x).relu().amax((2, 3))), (16, 16)),
    "GeM": (lambda net, x: net.head(F.avg_pool2d(net.first(x).relu().clamp(min=1e-6).pow(3), SIZE).pow(1 / 3).flatten(1)), (16, 16)),
    "gated": (lambda net, x: net.judge((lambda h: h * net.dense(h.mean((2, 3))).sigmoid()[:, :, None, None])(net.first(x).relu())), (16, 16)),
    "one position left": (lambda net, x: net.head(net.second(F.avg_pool2d(net.first(x).relu(), SIZE)).flatten(1)), (16, 16)),
}  # fmt: skip


@pytest.mark.parametrize("name", LAST)
def test_the_map_is_found_and_the_score_hangs_on_it(name: str) -> None:
    """Scores with changed channels are those that the gradients announce."""
    join, size = LAST[name]
    masked = bound(Network(join))
    features = last_features(masked, 1)
    assert features.maps[0].activations.shape == features.maps[0].gradients.shape == (CHANNELS, *size)
    assert features.value == pytest.approx(logit(masked, 1), rel=1e-5)
    step = torch.full((1, CHANNELS), 1.0)
    step[0, 2] = 1 + 1e-4
    moved = features.scores(lambda *_: step.double(), 1).values
    slope = float((features.maps[0].gradients[2] * features.maps[0].activations[2]).sum())
    assert moved.item() - features.value == pytest.approx(1e-4 * slope, rel=0.05, abs=1e-6)
    assert masked.evaluations == 2


def test_it_is_the_last_map_before_pooling_of_the_bundled_network(classifier: Classifier, photo: Tensor) -> None:
    masked = REMOVALS.create("grey").bind(classifier, photo)
    target = top(masked)
    seen: dict[str, Tensor] = {}
    pools = [module for module in classifier.model.modules() if isinstance(module, nn.AdaptiveAvgPool2d)]
    head = [module for module in classifier.model.modules() if isinstance(module, nn.Linear)][-1]

    def hook(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        del module
        seen["in"] = args[0]

    handle = (pools[-1] if pools else head).register_forward_pre_hook(hook)
    logit(masked, target)
    handle.remove()
    features = last_features(masked, target)
    assert features.maps[0].activations.shape == (1280, 7, 7)
    assert "hardtanh" in features.layer or "relu" in features.layer
    found = seen["in"][0].detach()
    assert torch.allclose(
        features.maps[0].activations if found.ndim == 3 else features.maps[0].activations.mean((1, 2)), found, atol=1e-5
    )


def test_the_class_token_hides_what_comes_after_the_last_attention() -> None:
    def join(net: Network, x: Tensor) -> Tensor:
        tokens = F.layer_norm(net.tokens(x), (CHANNELS,))
        tokens = torch.cat([net.dense.bias.expand(len(x), 1, -1), tokens], 1)
        mixed = net.attention(tokens, tokens, tokens, need_weights=False)[0].relu() + tokens
        return net.head(mixed[:, 0])

    masked = bound(Network(join))
    features = last_features(masked, 0)
    assert features.maps[0].activations.shape == (CHANNELS, 4, 4)
    tokens = F.layer_norm(masked.classifier.model.tokens(masked.classifier.normalise(masked.image[None])), (CHANNELS,))
    assert torch.allclose(features.maps[0].activations.double(), tokens[0].T.unflatten(1, (4, 4)).detach(), atol=1e-6)
    zero = features.scores(lambda *_: torch.zeros(1, CHANNELS), 1).values
    assert zero.item() != pytest.approx(features.value)


def test_models_of_transformers_return_their_logits_in_an_object() -> None:
    class Output(Network):
        def forward(self, x: Tensor) -> SimpleNamespace:  # type: ignore[override]
            return SimpleNamespace(logits=super().forward(x))

    one, other = last_features(bound(Output()), 0), last_features(bound(Network()), 0)
    assert torch.equal(one.maps[0].gradients, other.maps[0].gradients)


def test_the_layer_is_named() -> None:
    masked = bound(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)))
    assert last_features(masked, 0).layer == "1 (relu)"
    assert last_features(masked, 0).maps[0].number == last_features(masked, 1).maps[0].number


def test_passes_are_batched() -> None:
    def found(batch: int) -> Tensor:
        features: Features = last_features(bound(Network(), batch_size=batch), 0)
        factors = torch.rand(7, CHANNELS, generator=torch.Generator().manual_seed(0))
        return features.scores(lambda first, last: factors[first:last], 7).values[:, 0]

    assert torch.allclose(found(1), found(3), atol=1e-6)
    assert torch.allclose(found(1), found(100), atol=1e-6)


def unrelated(net: Network, x: Tensor) -> Tensor:
    """Looks at its features and says the same of every photograph."""
    return net.judge(net.first(x).relu()) * 0


REFUSED = {
    "depends on none of its last feature maps": unrelated,
    "torch.Tensor.var takes positions": lambda net, x: net.judge(net.first(x) / net.first(x).var(1, keepdim=True)),
    "torch.Tensor.numpy takes positions": lambda net, x: net.judge(
        torch.from_numpy(net.first(x).detach().numpy()).relu()
    ),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_networks_without_a_map_are_refused(reason: str) -> None:
    with pytest.raises(NotApplicableError, match=f"no class activation map: .*{reason}.*integrated-gradients"):
        last_features(bound(Network(REFUSED[reason])), 0)
