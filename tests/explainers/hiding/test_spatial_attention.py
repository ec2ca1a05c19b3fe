from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from unseen import Classifier, Preprocessing
from unseen.errors import ModelError, ParameterError
from unseen.explainers.hiding.spatial_attention import Attention, attention
from unseen.removal.deactivation.levels import feature_levels

SIDE = 32


def classifier(*layers: nn.Module, side: int = SIDE) -> Classifier:
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    preprocessing = Preprocessing(size=(side, side), resize=None, mean=(0, 0, 0), std=(1, 1, 1))
    return Classifier(nn.Sequential(*layers, *head), preprocessing)


def pyramid() -> Classifier:
    """Two levels, of which each holds the photograph's own colours."""
    return classifier(nn.AvgPool2d(2), nn.AvgPool2d(2))


def halves() -> Tensor:
    """The left half red, the right half blue: alike within a half, at right angles between them."""
    image = torch.zeros(3, SIDE, SIDE)
    image[0, :, : SIDE // 2] = 1
    image[2, :, SIDE // 2 :] = 1
    return image


def noise(seed: int = 0, side: int = SIDE) -> Tensor:
    return torch.rand(3, side, side, generator=torch.Generator().manual_seed(seed))


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def test_rows_are_distributions() -> None:
    found = attention(pyramid(), noise())
    assert found.weights.shape == (256, 256)
    assert bool((found.weights >= 0).all())
    assert torch.allclose(found.weights.sum(1), torch.ones(256), atol=1e-5)


def test_it_is_the_softmax_of_the_cosines() -> None:
    image = noise()
    levels = [torch.nn.functional.avg_pool2d(image[None], size) for size in (2, 4)]
    unit = [normalize(interpolate(level, (16, 16), mode="bilinear")[0].flatten(1), dim=0) for level in levels]
    both = normalize(torch.cat(unit), dim=0)
    slowly = torch.stack([(both.T @ column / 0.2).softmax(0) for column in both.T])
    assert torch.allclose(attention(pyramid(), image, temperature=0.2).weights, slowly, atol=1e-6)


def test_it_moves_saliency_to_what_looks_alike_and_nowhere_else() -> None:
    look = attention(pyramid(), halves(), temperature=0.01)
    spot = torch.zeros(SIDE, SIDE)
    spot[4:8, 2:6] = 1
    moved = look(spot)
    assert moved.shape == spot.shape
    far, other = moved[-4:, :12], moved[:, -12:]
    assert float(far.min()) > 0.9 * float(moved.max())
    assert float(other.max()) < 1e-6
    assert float(moved.mean()) == pytest.approx(float(spot.mean()), rel=0.1)


def test_a_constant_stays_what_it_is() -> None:
    assert torch.allclose(attention(pyramid(), noise())(torch.full((SIDE, SIDE), -2.0)), torch.tensor(-2.0), atol=1e-5)


def test_of_each_resolution_the_last_map_is_taken_and_at_most_four_resolutions() -> None:
    steps = [nn.Conv2d(3, 8, 1, stride=2), nn.Conv2d(8, 4, 1), *(nn.MaxPool2d(2) for _ in range(4))]
    shapes = [tuple(level.shape) for level in feature_levels(classifier(*steps, side=64), noise(side=64))]
    assert shapes == [(4, 16, 16), (4, 8, 8), (4, 4, 4), (4, 2, 2)]


def test_padding_is_no_level() -> None:
    levels = feature_levels(classifier(nn.AvgPool2d(2), nn.ZeroPad2d(1), nn.AvgPool2d(2)), noise(), most=2)
    assert [tuple(level.shape) for level in levels] == [(3, 16, 16), (3, 9, 9)]  # not 18 × 18


def test_a_map_that_is_changed_in_place_is_what_it_became() -> None:
    image = noise()
    double = classifier(nn.AvgPool2d(2), nn.AvgPool2d(2), Doubled())
    kept = feature_levels(double, image, most=2)[1]
    assert torch.allclose(kept, 2 * torch.nn.functional.avg_pool2d(image, 4))


class Doubled(nn.Module):
    """Changes its input in place."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mul_(2)


def test_large_maps_are_brought_to_a_small_grid() -> None:
    found = attention(classifier(nn.AvgPool2d(2), nn.AvgPool2d(2), side=160), noise(side=160))
    assert found.grid == (56, 56)
    assert found(torch.rand(160, 160)).shape == (160, 160)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.4])
def test_the_temperature_can_be_chosen_for_a_perplexity(share: float) -> None:
    found = attention(pyramid(), noise(), perplexity=share)
    assert found.perplexity == pytest.approx(share, rel=0.02)


def test_no_hook_stays_behind() -> None:
    model = pyramid()
    attention(model, noise())
    assert hooks(model.model) == 0


class Broken(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise ValueError(f"broken by {x.shape}")


def test_no_hook_stays_behind_a_model_that_fails() -> None:
    model = classifier(nn.AvgPool2d(2), Broken())
    with pytest.raises(ModelError, match="broken"):
        attention(model, noise())
    assert hooks(model.model) == 0


class Tokens(nn.Module):
    """Patches as tokens with a class token before them, through three layers of their own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches, self.head = nn.Conv2d(3, 8, 8, stride=8), nn.Linear(8, 3)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.layers = nn.Sequential(*(nn.Sequential(nn.Linear(8, 8), nn.GELU()) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = self.layers(torch.cat([self.token.expand(len(x), -1, -1), tokens], 1))
        logits: Tensor = self.head(tokens.mean(1))
        return logits


def test_a_network_of_tokens_gives_its_depths() -> None:
    network = Classifier(Tokens(), Preprocessing(size=(SIDE, SIDE), resize=None))
    levels = feature_levels(network, noise())
    assert [tuple(level.shape) for level in levels] == [(8, 4, 4)] * 4
    normal = network.normalise(noise()[None])
    model = network.model
    assert isinstance(model, Tokens)
    with torch.no_grad():
        last = model.layers(model.patches(normal).flatten(2).transpose(1, 2))
    assert torch.allclose(levels[-1], last[0].T.reshape(8, 4, 4), atol=1e-6)
    assert attention(network, noise()).grid == (4, 4)


@pytest.mark.parametrize("settings", [{"temperature": 0.0}, {"perplexity": 0.0}, {"perplexity": 1.0}])
def test_bad_parameters_are_named(settings: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match=next(iter(settings))):
        attention(pyramid(), noise(), **settings)


def test_the_bundled_network_has_four_levels(classifier: Classifier, photo: Tensor) -> None:
    found = attention(classifier, photo, perplexity=0.05)
    assert isinstance(found, Attention)
    assert [size for _, *size in found.levels] == [[56, 56], [28, 28], [14, 14], [7, 7]]
    assert found.perplexity == pytest.approx(0.05, rel=0.02)
