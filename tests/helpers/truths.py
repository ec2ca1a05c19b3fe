"""Small real models with a planted truth: it is known which pixels decide, for nothing else tells the answer.

One for each kind of outputs: three classes of photographs, a nodule in a grey picture, three independent findings, a
value, and ten digits. Each is trained in seconds. They sum evidence over places, learn from noise, and see what they
look for anywhere, so that their gradients mean something; where they did not, a method that asks for gradients could
not be blamed for what it finds.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import skimage
import torch
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.trained import findings, pictures
from unseen import METHODS, Classifier, Preprocessing, load_classifier
from unseen.classifier.decision import decide
from unseen.explainers import map_of
from unseen.inputs.photo import open_photo, to_tensor
from unseen.inputs.smoothing import smoothed
from unseen.inputs.space import length_of
from unseen.removal import REMOVALS

GREY, SMALL, CANVAS, CROP, STICKER = 96, 48, 40, 96, 28


class Truth(NamedTuple):
    """What is asked of a model, and the answer.

    Attributes:
        classifier: the model.
        photo: shape (C, H, W).
        where: the pixels that decide, bool (H, W).
        target: that is explained.
        removal: that shows the model what it knows as nothing.
    """

    classifier: Classifier
    photo: Tensor
    where: Tensor
    target: str
    removal: str


def ranked(saliency: Tensor, where: Tensor) -> float:
    """How likely a pixel that decides is ranked above one that does not: 0.5 by chance or for a flat map, 1 always."""
    ranks = torch.from_numpy(rankdata(saliency.flatten().double().numpy()))
    deciding = where.flatten()
    count, others = int(deciding.sum()), int((~deciding).sum())
    return float((ranks[deciding].sum() - count * (count + 1) / 2) / (count * others))


def energy(saliency: Tensor, where: Tensor) -> float:
    """The share of a map's positive part that lies on the pixels that decide; 0 where it has none."""
    positive = saliency.double().clamp(min=0)
    return float(positive[where].sum() / positive.sum().clamp(min=1e-30))


def trained(
    network: nn.Module,
    draw: Callable[[int], tuple[Tensor, Tensor]],
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    steps: int,
    noise: float = 0.1,
) -> nn.Module:
    """The network, fitted by Adam under a falling rate to batches that ``draw`` makes of a seed, with noise on them."""
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, steps)
    stream = torch.Generator().manual_seed(1)
    with torch.enable_grad():
        for step in range(steps):
            images, wanted = draw(step)
            optimiser.zero_grad()
            loss(network(images + noise * torch.randn(images.shape, generator=stream)), wanted).backward()
            optimiser.step()
            schedule.step()
    return network.eval().requires_grad_(False)


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make()


def convolutions(channels: int, width: int, activation: Callable[[], nn.Module]) -> Iterator[nn.Module]:
    """Two convolutions that halve the picture, one that does not, and the mean of every channel."""
    sizes = [(channels, width, 5, 2), (width, 2 * width, 3, 2), (2 * width, 2 * width, 3, 1)]
    for inputs, outputs, kernel, stride in sizes:
        yield nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)
        yield activation()
    yield nn.AdaptiveAvgPool2d(1)
    yield nn.Flatten()


def discs(count: int, seed: int, brightness: Tensor, side: int = GREY) -> tuple[Tensor, Tensor]:
    """Grey tissue with a disc of some brightness above it; where that is 0 there is none.

    Returns:
        Images (N, 1, S, S) in [0, 1], and where the discs are (N, S, S).
    """
    stream = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, 1, 8, 8, generator=stream)
    tissue = 0.35 + 0.04 * F.interpolate(coarse, (side, side), mode="bicubic")
    tissue = tissue + 0.03 * torch.randn(count, 1, side, side, generator=stream)
    places = torch.randint(12, side - 12, (2, count, 1, 1), generator=stream)
    ys, xs = torch.arange(side)[:, None], torch.arange(side)[None]
    away = ((ys - places[0]) ** 2 + (xs - places[1]) ** 2).float().sqrt()
    where = (away <= 8) & (brightness[:, None, None] > 0)
    return (tissue + (brightness[:, None, None] * (8.5 - away).clamp(0, 1))[:, None]).clamp(0, 1), where


SCANNED = Preprocessing((GREY, GREY), None, mean=(0.35,), std=(0.15,))


@cache
def nodule_network() -> nn.Sequential:
    """Two logits, of tissue without and with a nodule.

    The head began at 0, where the gradients of its two rows are opposite, and so they have remained: what the second
    class gains the first loses, and one number says the same as both.
    """

    def draw(step: int) -> tuple[Tensor, Tensor]:
        there = torch.arange(16) % 2
        return (discs(16, step, 0.4 * there)[0] - 0.35) / 0.15, there

    network = seeded(lambda: nn.Sequential(*convolutions(1, 8, nn.ReLU), nn.Linear(16, 2)))
    for parameter in network[-1].parameters():
        nn.init.zeros_(parameter)
    trained(network, draw, F.cross_entropy, steps=150)
    return network


@cache
def nodules(outputs: str, side: int = GREY) -> Classifier:
    """Whether there is a nodule, by one function in a form of its outputs; the labels are those of that form."""
    *body, two = nodule_network()
    one = nn.Linear(two.in_features, 1).requires_grad_(False)
    one.weight.copy_(two.weight[1:] - two.weight[:1])
    one.bias.copy_(two.bias[1:] - two.bias[:1])
    endings = {
        "logits": [two],
        "binary": [one],
        "sigmoid": [one],
        "probabilities": [two, nn.Softmax(1)],
        "probabilities:binary": [one, nn.Sigmoid()],
        "probabilities:independent": [one, nn.Sigmoid()],
    }
    labels = ["nodule"] if outputs in ("sigmoid", "probabilities:independent") else ["no nodule", "nodule"]
    network = nn.Sequential(*body, *endings[outputs]).eval()
    return Classifier(network, replace(SCANNED, size=(side, side)), labels, outputs=outputs, name="nodules")


FORMS = ("logits", "binary", "sigmoid", "probabilities", "probabilities:binary", "probabilities:independent")
"""Of the outputs of one function."""


@cache
def of_form(outputs: str) -> Truth:
    """The same of a smaller picture, for asking much of all forms."""
    photos, where = discs(1, 10_001, torch.full((1,), 0.4), SMALL)
    return Truth(nodules(outputs, SMALL), photos[0], where[0], "nodule", "zero")


def nodule() -> Truth:
    """A network with two outputs."""
    photos, where = discs(1, 10_001, torch.full((1,), 0.4))
    return Truth(nodules("logits"), photos[0], where[0], "nodule", "zero")


def brightness() -> Truth:
    """How bright a disc is, in per cent."""

    def draw(step: int) -> tuple[Tensor, Tensor]:
        value = 0.5 * torch.rand(16, generator=torch.Generator().manual_seed(step))
        return (discs(16, step, value)[0] - 0.35) / 0.15, 10 * value[:, None]

    network = seeded(lambda: nn.Sequential(*convolutions(1, 8, nn.SiLU), nn.Linear(16, 1)))
    network = trained(network, draw, F.mse_loss, steps=200)
    photos, where = discs(1, 10_002, torch.full((1,), 0.4))
    outputs = "value:tolerance=2,unit=tenths"
    return Truth(
        Classifier(network, SCANNED, ["brightness"], outputs=outputs), photos[0], where[0], "brightness", "blur"
    )


def of_three() -> Truth:
    """Three findings, two of them there."""
    photos, _, where = pictures(1, 5, torch.tensor([[True, True, False]]))
    return Truth(findings(), photos[0], where[0, 0], "red", "zero")


def digits() -> Truth:
    """Handwritten digits, anywhere in a noisy picture."""
    from sklearn.datasets import load_digits

    found = load_digits()
    shapes = F.interpolate(torch.from_numpy(found.images).float()[:, None] / 16, scale_factor=2.0, mode="bilinear")
    kinds = torch.from_numpy(found.target).long()

    def placed(chosen: Tensor, stream: torch.Generator) -> tuple[Tensor, Tensor]:
        images = (0.1 * torch.randn(len(chosen), 1, CANVAS, CANVAS, generator=stream)).abs()
        where = torch.zeros(len(chosen), CANVAS, CANVAS, dtype=torch.bool)
        places = torch.randint(0, CANVAS - 16, (len(chosen), 2), generator=stream).tolist()
        for number, (y, x) in enumerate(places):
            images[number, :, y : y + 16, x : x + 16] += shapes[chosen[number]]
            where[number, y : y + 16, x : x + 16] = True
        return images.clamp(0, 1), where

    def draw(step: int) -> tuple[Tensor, Tensor]:
        stream = torch.Generator().manual_seed(step)
        chosen = torch.randint(1500, (64,), generator=stream)
        return (placed(chosen, stream)[0] - 0.1) / 0.3, kinds[chosen]

    network = seeded(lambda: nn.Sequential(*convolutions(1, 16, nn.ReLU), nn.Linear(32, 10)))
    network = trained(network, draw, F.cross_entropy, steps=300)
    shown = torch.arange(1500, 1797)[kinds[1500:] == 3][:1]
    photos, where = placed(shown, torch.Generator().manual_seed(10_003))
    fed = Preprocessing((CANVAS, CANVAS), None, mean=(0.1,), std=(0.3,))
    return Truth(Classifier(network, fed, list("0123456789")), photos[0], where[0], "3", "zero")


def stickered(count: int, seed: int, kinds: Tensor) -> tuple[Tensor, Tensor]:
    """Pieces of photographs, plain (0), with a sun (1) or a chequered sign (2) on them; and where that is."""
    names = ("coffee.png", "camera.png", "chelsea.png", "motorcycle_left.png", "rocket.jpg")
    folder = Path(skimage.__file__).parent / "data"
    photos = [to_tensor(open_photo(folder / name).reduce(2)) for name in names]
    stream = torch.Generator().manual_seed(seed)
    ys, xs = torch.arange(STICKER)[:, None] - STICKER // 2, torch.arange(STICKER)[None] - STICKER // 2
    shapes = torch.stack([ys**2 + xs**2 <= (STICKER // 2) ** 2, torch.ones(STICKER, STICKER, dtype=torch.bool)])
    chequered = ((ys // 6 + xs // 6) % 2)[None].expand(3, -1, -1).float()
    signs = torch.stack([torch.tensor([1.0, 0.8, 0.0])[:, None, None].expand(3, STICKER, STICKER), chequered])
    images, where = torch.zeros(count, 3, CROP, CROP), torch.zeros(count, CROP, CROP, dtype=torch.bool)
    for number, kind in enumerate(kinds.tolist()):
        photo = photos[number % len(photos)]
        y, x = (int(torch.randint(side - CROP + 1, (), generator=stream)) for side in photo.shape[1:])
        images[number] = photo[:, y : y + CROP, x : x + CROP]
        y, x = torch.randint(4, CROP - STICKER - 4, (2,), generator=stream).tolist()
        if kind:
            place = (slice(y, y + STICKER), slice(x, x + STICKER))
            where[number][place] = shapes[kind - 1]
            images[number][:, *place] = torch.where(shapes[kind - 1], signs[kind - 1], images[number][:, *place])
    return images, where


def photographs() -> Truth:
    """Three classes of photographs, told by what is stuck on them: a new head on the bundled network."""
    loaded = load_classifier("efficientnet-lite0", device="cpu")
    layers = copy.deepcopy(loaded.model)
    body = nn.Sequential(layers.stem, layers.blocks[:15], nn.AdaptiveAvgPool2d(1), nn.Flatten()).requires_grad_(False)
    fed = replace(loaded.preprocessing, size=(CROP, CROP), resize=None)
    kinds = torch.arange(90) % 3
    images, _ = stickered(90, 0, kinds)
    asked = Classifier(body, fed, outputs="value")
    features = torch.cat([asked.logits(some) for some in images.split(15)])
    head = seeded(lambda: nn.Linear(features.shape[1], 3))
    optimiser = torch.optim.LBFGS(head.parameters(), max_iter=50)

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = F.cross_entropy(head(features), kinds) + 0.001 * head.weight.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        optimiser.step(loss)
    photos, where = stickered(1, 10_004, torch.tensor([1]))
    network = nn.Sequential(*body, head.requires_grad_(False)).eval()
    return Truth(Classifier(network, fed, ["plain", "sun", "sign"]), photos[0], where[0], "sun", "zero")


TRUTHS: dict[str, Callable[[], Truth]] = {
    "photographs": cache(photographs),
    "nodule": cache(nodule),
    "findings": cache(of_three),
    "value": cache(brightness),
    "digits": cache(digits),
}

FEWER = {
    "causal": "iterations=4", "occlusion": "window=0.2,stride=0.1", "rise": "masks=200,grid=7", "lime": "samples=150",
    "shapley": "segments=30,budget=150", "shapley-interactions": "segments=8,budget=160", "sobol": "cells=49,designs=4", "hsic": "cells=49,masks=200",
    "iassa": "budget=150", "extremal-perturbation": "areas=2,rounds=20,grid=12", "meaningful-perturbation": "rounds=20",
    "smallest-destroying-region": "rounds=20", "smallest-sufficient-region": "rounds=20", "smoothgrad": "samples=8",
    "smoothgrad-squared": "samples=8", "vargrad": "samples=8", "expected-gradients": "samples=20", "deepshap": "samples=2",
    "integrated-gradients": "most=40", "zipo": "most=40", "zipo-class": "most=40", "opti-cam": "rounds=20",
}  # fmt: skip
BLIND = {"uniform", "random", "edges", "aggregate"}
"""Controls, which know nothing of the model, and mixtures of the others."""


def mapped(method: str, truth: Truth) -> Tensor:
    """The method's map of what is asked, smoothed as the method does to rank pixels; under a small budget."""
    decision = decide(truth.photo, truth.classifier, truth.target)
    masked = REMOVALS.create(truth.removal).bind(decision.classifier, decision.image)
    spec = f"{method}:{FEWER[method]}" if method in FEWER else method
    asked = METHODS.create(spec)
    saliency, blur = map_of(asked, masked, decision.target), length_of(getattr(asked, "blur", 0.0), masked.shape)
    return smoothed(saliency, 2, blur) if blur else saliency
