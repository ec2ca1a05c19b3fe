"""A map lies where the network looked: one blob for each way of moving the photograph about, against occlusion."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.removal import REMOVALS, MaskedClassifier

SIDE, CELL = 48, 4
BLOB = (slice(8, 16), slice(28, 36))


class Branch(nn.Module):
    """Looks for one colour, with strides and padding, and averages over positions."""

    def __init__(self, channel: int = 0, weight: float = 8.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 5, stride=2, padding=2, bias=False)
        self.mix = nn.Conv2d(4, 4, 3, stride=2, padding=1, bias=False)
        self.head = nn.Linear(4, 2, bias=False)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.zero_()
            self.conv.weight[:, channel] = torch.tensor([1.0, 0.8, 0.6, 0.4])[:, None, None] / 25
            self.mix.weight[range(4), range(4)] = 1 / 9
            self.head.weight[1] = weight

    def features(self, x: Tensor) -> Tensor:
        return self.mix(self.conv(x).relu()).relu()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x).mean((2, 3)))
        return logits


class Joined(nn.Module):
    """Two branches for the same colour, and how they are asked."""

    def __init__(self, join: Callable[[Joined, Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.other, self.join = Branch(), Branch(), join

    def forward(self, x: Tensor) -> Tensor:
        return self.join(self, x)


def turned(n: Joined, x: Tensor) -> Tensor:
    logits = n.net(torch.cat([x.rot90(k, (2, 3)) for k in range(4)]))
    return logits.view(4, len(x), -1).mean(0)


def crops(x: Tensor) -> list[Tensor]:
    return [x[..., :40, :40], x[..., 8:, 8:], x[..., :40, 8:], x[..., 4:44, 4:44].flip(-1)]


GEOMETRIES: dict[str, Callable[[Joined, Tensor], Tensor]] = {
    "none": lambda n, x: n.net(x),
    "mirror": lambda n, x: n.net(x.flip(-1)),
    "upside down": lambda n, x: n.net(x.flip(2)),
    "crop": lambda n, x: n.net(x[..., :32, 16:]),
    "region of interest": lambda n, x: n.net(F.interpolate(x[..., 4:28, 20:44], size=(48, 48), mode="bilinear")),
    "letterbox": lambda n, x: n.net(F.pad(x, (8, 8, 24, 0))),
    "narrow border": lambda n, x: n.net(F.pad(x, (0, 3, 3, 0))),
    "reflected border": lambda n, x: n.net(F.pad(x, (4, 4, 4, 4), "reflect")),
    "smaller": lambda n, x: n.net(F.interpolate(x, size=(24, 36), mode="bilinear", antialias=True)),
    "by area": lambda n, x: n.net(F.interpolate(x, size=(24, 24), mode="area")),
    "transpose": lambda n, x: n.net(x.transpose(2, 3)),
    "quarter turn": lambda n, x: n.net(torch.rot90(x, 1, (2, 3))),
    "roll": lambda n, x: n.net(x.roll((20, -16), (2, 3))),
    "normalised within": lambda n, x: n.net((x.flip(-1) * 2 - 0.1).clamp(min=0) / 2),
    "windows without padding": lambda n, x: n.net.head(
        F.conv2d(F.conv2d(x, n.net.conv.weight), torch.ones(1, 4, 13, 13) / 169).expand(-1, 4, -1, -1).mean((2, 3))
    ),
    "ensemble": lambda n, x: n.net(x) + 2 * n.other(x),
    "two streams": lambda n, x: n.net(x.flip(-1)) + n.other(F.interpolate(x, size=(32, 32), mode="bilinear")),
    "siamese": lambda n, x: n.net.head(n.net.features(x).mean((2, 3)) + n.net.features(x.flip(2)).mean((2, 3))),
    "fused branches": lambda n, x: n.net.head(
        torch.cat([n.net.features(x)[:, :2].mean((2, 3)), n.other.features(x.flip(-1))[:, 2:].mean((2, 3))], 1)
    ),
    "fused maps": lambda n, x: n.net.head((n.net.features(x) + n.other.features(x.flip(-1))).relu().mean((2, 3))),
    "several crops": lambda n, x: sum(n.net(one) for one in crops(x)),
    "crops in one batch": lambda n, x: n.net(torch.stack(crops(x), 1).flatten(0, 1)).view(len(x), 4, -1).mean(1),
    "mirrored, two calls": lambda n, x: (n.net(x) + n.net(x.flip(-1))) / 2,
    "mirrored, one batch": lambda n, x: torch.stack(n.net(torch.cat([x, x.flip(-1)])).chunk(2)).mean(0),
    "four turns, one batch": turned,
    "largest of two": lambda n, x: torch.maximum(n.net(x.flip(-1)), n.other(x.transpose(2, 3)) / 2),
}

MAPS = (
    "grad-cam",
    "grad-cam++",
    "xgrad-cam",
    "layer-cam",
    "eigen-cam",
    "ablation-cam",
    "score-cam",
    "opti-cam:rounds=3",
)


def photo() -> Tensor:
    image = torch.zeros(3, SIDE, SIDE)
    image[0, BLOB[0], BLOB[1]] = 1
    return image


def bound(model: nn.Module) -> MaskedClassifier:
    plain = Preprocessing((SIDE, SIDE), None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    return REMOVALS.create("black").bind(Classifier(model.eval(), plain, ["nothing", "something"]), photo())


def saliency(masked: MaskedClassifier, method: str) -> Tensor:
    made: Tensor = METHODS.create(method).attribute(Evaluator(masked, 1), 0, None).saliency  # type: ignore[attr-defined]
    return made


def centre(found: Tensor) -> Tensor:
    """Row and column of the centre of mass of what is positive."""
    mass = found.clamp(min=0).double()
    places = torch.arange(SIDE, dtype=torch.float64)
    return torch.stack([(mass.sum(1) * places).sum(), (mass.sum(0) * places).sum()]) / mass.sum()


@pytest.mark.parametrize("name", GEOMETRIES)
def test_every_class_activation_map_lies_where_occlusion_says(name: str) -> None:
    masked = bound(Joined(GEOMETRIES[name]))
    expected = centre(saliency(masked, "occlusion:window=0.16,stride=0.08"))
    cell = 2 * CELL if name in ("smaller", "by area") else CELL
    for method in MAPS:
        found = centre(saliency(masked, method))
        assert float((found - expected).abs().max()) <= cell, method


SHARP = (
    "lime", "occlusion", "rise", "shapley", "saliency", "input-x-gradient", "guided-backprop", "integrated-gradients",
    "expected-gradients", "lrp-epsilon", "lrp-alpha-beta", "lrp-gamma", "deeplift", "cam", "zipo", "zipo-class",
)  # fmt: skip
COARSE = ("causal", "iassa")
"""Their maps are made of boxes."""


@pytest.mark.parametrize("name", ["mirror", "letterbox", "crops in one batch"])
def test_every_other_map_of_the_registry_lies_there_too(name: str) -> None:
    """Not the gradients that a constant filter gives everywhere, whatever is on the photograph, and not the controls."""
    masked = bound(Joined(GEOMETRIES[name]))
    expected = centre(saliency(masked, "occlusion:window=0.16,stride=0.08"))
    for method in (*SHARP, *COARSE):
        made = METHODS.create(method)
        found = made(masked, 1).saliency if method == "causal" else saliency(masked, method)
        off = float((centre(found) - expected).abs().max())
        assert off <= (2 * CELL if method in COARSE else CELL), method


AVERAGED = (
    "none", "mirror", "crop", "ensemble", "two streams", "siamese", "fused branches", "several crops",
    "crops in one batch", "four turns, one batch", "smaller",
)  # fmt: skip


@pytest.mark.parametrize("name", AVERAGED)
def test_the_mean_of_cam_is_the_logit_whatever_the_network_looks_at(name: str) -> None:
    masked = bound(Joined(GEOMETRIES[name]))
    logit = float(masked.classifier.logits(masked.image[None])[0, 1])
    assert float(saliency(masked, "cam").mean()) == pytest.approx(logit, rel=2e-3)


def test_each_branch_counts_by_what_it_adds_to_the_score_whatever_its_resolution() -> None:
    """Five sixths of the logit are red, and the green branch has four times as many cells."""

    def join(n: Joined, x: Tensor) -> Tensor:
        return 5 * n.net(x.flip(-1)) + n.other(F.interpolate(x, scale_factor=2, mode="bilinear"))

    model = Joined(join)
    model.other = Branch(channel=1)
    image = photo()
    image[1, 32:40, 8:16] = 1
    plain = Preprocessing((SIDE, SIDE), None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    masked = REMOVALS.create("black").bind(Classifier(model.eval(), plain), image)
    for method in ("cam", "grad-cam", "xgrad-cam", "layer-cam"):
        found = saliency(masked, method)
        red, green = float(found[4:20, 24:40].sum()), float(found[28:44, 4:20].sum())
        assert red / (red + green) == pytest.approx(5 / 6, abs=0.02), method


def test_what_passes_beside_the_maps_is_noted_and_has_no_cam() -> None:
    """A branch that sees the mean colour alone."""
    masked = bound(Joined(lambda n, x: n.net(x.flip(-1)) + n.other.head(F.pad(x.mean((2, 3)), (0, 1)))))
    made = METHODS.create("grad-cam").attribute(Evaluator(masked, 1), 0, None)  # type: ignore[attr-defined]
    assert made.record["beside"] == pytest.approx(0.263, abs=0.01)
    assert "26 % of what the photograph adds to the logit passes beside the feature maps shown" in made.notes[0]
    with pytest.raises(NotApplicableError, match=r"26 % of it passes beside net \(relu\); choose 'grad-cam'"):
        saliency(masked, "cam")
    assert bool(saliency(masked, "grad-cam").any())


@pytest.mark.parametrize("hidden", ["logits", "pooled", "map"])
def test_a_branch_without_gradients_is_no_part_of_the_map_and_noted(hidden: str) -> None:
    def join(n: Joined, x: Tensor) -> Tensor:
        features = n.other.features(x.flip(2))
        features = features.detach() if hidden == "map" else features
        pooled = features.mean((2, 3))
        logits = n.other.head(pooled.detach() if hidden == "pooled" else pooled)
        return n.net(x) + (logits.detach() if hidden == "logits" else logits)

    masked = bound(Joined(join))
    made = METHODS.create("grad-cam").attribute(Evaluator(masked, 1), 0, None)  # type: ignore[attr-defined]
    assert made.record["beside"] == pytest.approx(0.5, abs=0.01)
    assert made.notes
    with pytest.raises(NotApplicableError, match="50 % of it passes beside"):
        saliency(masked, "cam")


REFUSED: dict[str, tuple[Callable[[Joined, Tensor], Tensor], str]] = {
    "sampled anywhere": (
        lambda n, x: n.net(F.grid_sample(x, torch.zeros(len(x), 48, 48, 2), align_corners=False)),
        "grid_sample",
    ),
    "mixed before the first layer": (
        lambda n, x: n.net.head(F.conv2d(torch.cat([x, x.flip(-1)], 1), torch.ones(4, 6, 5, 5)).mean((2, 3))),
        "join different places of the photograph at one position",
    ),
    "mean over copies": (
        lambda n, x: n.net.head(n.net.features(torch.cat([x, x.flip(-1)])).unflatten(0, (2, -1)).mean(0).mean((2, 3))),
        "mixes the photographs",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_where_the_place_is_not_known_there_is_no_map(name: str) -> None:
    join, reason = REFUSED[name]
    with pytest.raises(NotApplicableError, match=f"no class activation map: .*{reason}.*'integrated-gradients'"):
        saliency(bound(Joined(join)), "grad-cam")
    assert saliency(bound(Joined(join)), "integrated-gradients").shape == (SIDE, SIDE)


@pytest.mark.parametrize(
    ("method", "batched"), [("grad-cam", False), ("grad-cam", True), ("layer-cam", False), ("eigen-cam", True)]
)
def test_mirrored_test_time_augmentation_of_a_trained_network(
    classifier: Classifier, photo: Tensor, method: str, batched: bool
) -> None:
    """The sum of the network's own maps of both looks, each in the photograph's frame."""

    class Augmented(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = classifier.model

        def forward(self, x: Tensor) -> Tensor:
            if batched:
                return torch.stack(self.net(torch.cat([x, x.flip(-1)])).chunk(2)).mean(0)
            logits: Tensor = (self.net(x) + self.net(x.flip(-1))) / 2
            return logits

    def map_of(asked: nn.Module, image: Tensor) -> Tensor:
        masked = REMOVALS.create("zero").bind(Classifier(asked, classifier.preprocessing), image)
        made: Tensor = METHODS.create(method).attribute(Evaluator(masked, target), 0, None).saliency  # type: ignore[attr-defined]
        return made

    target = int(classifier.logits(photo[None]).argmax())
    expected = map_of(classifier.model, photo) + map_of(classifier.model, photo.flip(-1)).flip(-1)
    expected = expected if method == "eigen-cam" else expected / 2
    found = map_of(Augmented(), photo)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))
