"""Gradient methods, propagation rules and class activation maps against other people's implementations."""

from __future__ import annotations

import contextlib
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
import zennit.composites
import zennit.layer
import zennit.rules
from torch import Tensor, nn
from torch.nn import functional as F
from zennit.canonizers import SequentialMergeBatchNorm
from zennit.torchvision import ResNetCanonizer

from benchmarks.zoo import build, randomise
from unseen import Classifier, Preprocessing
from unseen.explainers.cam.cam import activation_map
from unseen.explainers.cam.masked_cam import score_cam
from unseen.explainers.gradients.derivatives import contrast
from unseen.explainers.gradients.gradient import gradient
from unseen.explainers.gradients.integrated import IntegratedGradients, integrated_gradients
from unseen.explainers.gradients.rectifiers import rectified_gradient
from unseen.explainers.propagation.deeplift import deeplift, deepshap
from unseen.explainers.propagation.lrp import relevance
from unseen.explainers.propagation.lrp_pass import RelevanceShares
from unseen.removal import REMOVALS, MaskedClassifier
from unseen.removal.deactivation.features import last_features

SIZE = 64


pytestmark = pytest.mark.usefixtures("quiet_peers")


class Plain(nn.Module):
    """A VGG in miniature, every rectifier a module of its own: what every peer gets right."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(4),
        )  # fmt: skip
        self.classifier = nn.Sequential(nn.Linear(192, 16), nn.ReLU(), nn.Linear(16, 5))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).flatten(1))


class Shared(Plain):
    """The same network with one rectifier at every place, by function or as one module."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way, self.shared = way, nn.ReLU()

    def act(self, x: Tensor) -> Tensor:
        return F.relu(x) if self.way == "functional" else self.shared(x)

    def forward(self, x: Tensor) -> Tensor:
        first, norm, _, pool, second, other, _, halves, quarters = self.features
        x = halves(self.act(other(second(pool(self.act(norm(first(x))))))))
        return self.classifier[2](self.act(self.classifier[0](quarters(x).flatten(1))))


def bound(model: nn.Module | str, removal: str = "black") -> MaskedClassifier:
    if isinstance(model, str):
        model = build(model, SIZE)
    model = randomise(model, SIZE).double().requires_grad_(True)
    image = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)).double()
    return REMOVALS.create(removal).bind(Classifier(model, Preprocessing((SIZE, SIZE), None)), image)


def entered(masked: MaskedClassifier) -> Tensor:
    """What the network is given, a leaf."""
    return masked.classifier.normalise(masked.image[None]).detach().requires_grad_()


def in_pixels(masked: MaskedClassifier, slope: Tensor) -> Tensor:
    return slope[0].detach() / torch.tensor(masked.classifier.preprocessing.std)[:, None, None]


def top(masked: MaskedClassifier) -> int:
    return int(masked.classifier.logits(masked.image[None])[0].argmax())


def close(found: Tensor, expected: Tensor, share: float = 1e-5) -> None:
    expected = expected.detach().reshape(found.shape)
    assert float(expected.abs().max()) > 0
    torch.testing.assert_close(found.double(), expected.double(), rtol=0, atol=share * float(expected.abs().max()))


NETWORKS = ["plain", "tv:resnet18"]


def network(name: str) -> MaskedClassifier:
    return bound(Plain() if name == "plain" else name)


# ---- captum -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_captums(name: str) -> None:
    masked = network(name)
    model, x = masked.classifier.model, entered(masked)
    close(gradient(masked, 1), in_pixels(masked, captum.attr.Saliency(model).attribute(x, 1, abs=False)))
    close(contrast(masked) * gradient(masked, 1), captum.attr.InputXGradient(model).attribute(x, 1))


def test_integrated_gradients_are_captums() -> None:
    masked = network("plain")
    x = entered(masked)
    black = torch.zeros_like(masked.image)
    baseline = masked.classifier.normalise(black[None])
    peer = captum.attr.IntegratedGradients(masked.classifier.model)
    expected = peer.attribute(x, baseline, 1, n_steps=150, method="riemann_middle", internal_batch_size=50)
    close(integrated_gradients(masked, 1, black, IntegratedGradients(tolerance=1e-3)).values, expected, 0.05)


@pytest.mark.parametrize(
    ("rule", "peer"), [("guided", captum.attr.GuidedBackprop), ("deconvnet", captum.attr.Deconvolution)]
)
def test_rectified_gradients_are_captums_where_rectifiers_are_modules(rule: Any, peer: Any) -> None:
    masked = network("plain")
    close(
        rectified_gradient(masked, 1, rule),
        in_pixels(masked, peer(masked.classifier.model).attribute(entered(masked), 1)),
    )


def test_deeplift_is_captums_where_rectifiers_are_modules() -> None:
    """Max pools apart: captum hands a window's change to both winners, the old and the new, which does not add up as
    the rescale rule of one function of one input (section 3.5.1) does; here they are averages."""
    model = Plain()
    model.features[3] = model.features[7] = nn.AvgPool2d(2)
    masked = bound(model)
    grey = torch.full_like(masked.image, 0.5)
    peer = captum.attr.DeepLift(masked.classifier.model)
    expected = peer.attribute(entered(masked), masked.classifier.normalise(grey[None]), 1)
    close(deeplift(masked, 1, grey).values, expected)


def test_deepshap_is_captums_where_rectifiers_are_modules() -> None:
    """Max pools apart, as above."""
    model = Plain()
    model.features[3] = model.features[7] = nn.AvgPool2d(2)
    masked = bound(model)
    others = torch.rand(3, *masked.image.shape, generator=torch.Generator().manual_seed(1), dtype=masked.image.dtype)
    peer = captum.attr.DeepLiftShap(masked.classifier.model)
    expected = peer.attribute(entered(masked), masked.classifier.normalise(others), 1)
    close(deepshap(masked, 1, lambda number: others[number], 3).values, expected)


@pytest.mark.parametrize("way", ["functional", "reused"])
def test_where_captum_is_silently_wrong(way: str) -> None:
    """One rectifier at several places: captum's hooks miss it, or mix its places up; the network is the same."""
    masked, shared = bound(Plain()), bound(Shared(way))
    model = shared.classifier.model
    grey = torch.full_like(masked.image, 0.5)
    ours, right = rectified_gradient(shared, 1, "guided"), rectified_gradient(masked, 1, "guided")
    close(ours, right)
    if way == "functional":
        theirs = in_pixels(shared, captum.attr.GuidedBackprop(model).attribute(entered(shared), 1))
        close(theirs.float(), gradient(shared, 1))  # the plain gradient, under another name
        assert float((theirs - right).abs().max()) > 0.1 * float(right.abs().max())
    difference = deeplift(shared, 1, grey)
    close(difference.values, deeplift(masked, 1, grey).values)
    assert abs(difference.gap) < 1e-9
    lift = None
    with contextlib.suppress(RuntimeError):  # an error is not silent
        lift = captum.attr.DeepLift(model).attribute(entered(shared), shared.classifier.normalise(grey[None]), 1)
    assert lift is not None or way == "reused"
    if lift is not None:
        assert abs(float(lift.sum().detach()) - difference.difference) > 0.05 * abs(difference.difference)


# ---- zennit -----------------------------------------------------------------------------------------------------


def zennits(masked: MaskedClassifier, target: int, composite: Any) -> Tensor:
    x = entered(masked)
    with composite.context(masked.classifier.model) as model:
        output = model(x)
        (found,) = torch.autograd.grad(
            output, x, output * nn.functional.one_hot(torch.tensor([target]), output.shape[1])
        )
    return found[0].detach()


RULES = {
    "epsilon": (RelevanceShares("epsilon", 1e-9), lambda: zennit.rules.Epsilon(1e-9)),
    "gamma": (RelevanceShares("gamma", 1e-9, 0.3), lambda: zennit.rules.Gamma(0.3, stabilizer=1e-9)),
    "alpha 2, beta 1": (
        RelevanceShares("alpha-beta", 1e-9, alpha=2.0),
        lambda: zennit.rules.AlphaBeta(2, 1, stabilizer=1e-9),
    ),
    "alpha 1": (RelevanceShares("alpha-beta", 1e-9, alpha=1.0), lambda: zennit.rules.AlphaBeta(1, 0, stabilizer=1e-9)),
}


def canonizers(name: str) -> list[Any]:
    return [ResNetCanonizer()] if name == "tv:resnet18" else [SequentialMergeBatchNorm()]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", NETWORKS)
def test_relevance_is_zennits(name: str, rule: str) -> None:
    """Convolutions under the rule, dense layers under ε, batch norms folded.

    On ResNet the peer is off by 1e-4, and by as much from input × gradient, which ε must be there (and ours is).
    """
    masked = network(name)
    shares, theirs = RULES[rule]
    target = top(masked)
    composite = zennit.composites.LayerMapComposite(
        [(nn.ReLU, zennit.rules.Pass()), (zennit.layer.Sum, zennit.rules.Norm(1e-9)), (nn.Conv2d, theirs()), (nn.Linear, zennit.rules.Epsilon(1e-9)),
         (nn.AvgPool2d, zennit.rules.Norm(1e-9)), (nn.AdaptiveAvgPool2d, zennit.rules.Norm(1e-9))],
        canonizers=canonizers(name),
    )  # fmt: skip
    found = relevance(masked, target, shares)[0]
    if rule == "epsilon":
        close(found, contrast(masked) * gradient(masked, target))
    close(found, zennits(masked, target, composite), 1e-4 if name == "plain" else 5e-4)


def test_deep_taylor_is_zennits() -> None:
    """z⁺ without biases, and z^B between black and white at the photograph."""
    masked = network("plain")
    target = top(masked)
    low, high = (masked.classifier.normalise(torch.full_like(masked.image[None], colour)) for colour in (0.0, 1.0))
    plus = zennit.rules.ZPlus(stabilizer=1e-9, zero_params=["bias"])
    composite = zennit.composites.SpecialFirstLayerMapComposite(
        [(nn.ReLU, zennit.rules.Pass()), (nn.Conv2d, plus), (nn.Linear, plus), (nn.AdaptiveAvgPool2d, zennit.rules.Norm(1e-9))],
        [(nn.Conv2d, zennit.rules.ZBox(low, high, stabilizer=1e-9, zero_params=["bias"]))],
        canonizers=canonizers("plain"),
    )  # fmt: skip
    assert float(masked.classifier.logits(masked.image[None])[0, target]) > 0
    close(relevance(masked, target, RelevanceShares("deep-taylor", 1e-9))[0], zennits(masked, target, composite), 1e-4)


# ---- pytorch-grad-cam -------------------------------------------------------------------------------------------


def peers_map(kind: str, masked: MaskedClassifier, target: int) -> Tensor:
    """The map at the layer's resolution, before it is enlarged and scaled; signed where the peer's is."""
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model = masked.classifier.model
    layer = model.features[8] if isinstance(model, Plain) else model.layer4[-1]
    with getattr(pytorch_grad_cam, kind)(model, [layer]) as cam:
        kept: list[Any] = []
        image_of = cam.get_cam_image

        def keep(*args: Any, **kwargs: Any) -> Any:
            kept.append(np.asarray(image_of(*args, **kwargs)))
            return kept[-1]

        cam.get_cam_image = keep
        cam(entered(masked), [ClassifierOutputTarget(target)])
    return torch.as_tensor(kept[-1])[0]


def large(small: Tensor, found: Tensor) -> Tensor:
    """A peer's map at the resolution of ours."""
    return F.interpolate(small.double()[None, None], found.shape, mode="bilinear")[0, 0]


def scaled(found: Tensor) -> Tensor:
    return found / found.abs().max()


PEERS = {"grad-cam": "GradCAM", "grad-cam++": "GradCAMPlusPlus", "xgrad-cam": "XGradCAM", "layer-cam": "LayerCAM"}


@pytest.mark.parametrize("weights", PEERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_maps_are_pytorch_grad_cams(name: str, weights: Any) -> None:
    """Up to constants of up to 1e-6 that the peer adds to denominators."""
    masked = network(name)
    target = top(masked)
    found = activation_map(last_features(masked, target), weights)
    close(found, large(peers_map(PEERS[weights], masked, target), found), 0.02 if weights == "grad-cam++" else 1e-4)


def test_ablation_cam_is_pytorch_grad_cams() -> None:
    """Up to one factor: the paper's equation 4 divides falls by the score, which would turn the map of a negative
    logit upside down; here they are divided by the number of channels. The peer sets a channel to 0 only where the
    smallest value is 0, so that the last layer here is a rectifier."""
    model = Plain()
    model.features[8], model.classifier[0] = nn.ReLU(), nn.Linear(3072, 16)
    masked = bound(model)
    target = top(masked)
    features = last_features(masked, target)
    theirs = peers_map("AblationCAM", masked, target) * features.value / features.channels
    found = activation_map(features, "ablation-cam")
    close(found, large(theirs, found), 1e-3)


def test_eigen_cam_is_the_papers_where_the_peer_centres() -> None:
    """Muhammad & Yeasin project on the first right singular vector of the feature map itself (equation 3); the peer
    subtracts every channel's mean first, which is principal components, another map. Without it, it agrees."""
    from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection

    features = last_features(bound("tv:resnet18"), 0)
    found = activation_map(features, "eigen-cam")
    activations = features.maps[0].activations[None].double().numpy()
    centred = torch.as_tensor(np.array(get_2d_projection(activations.copy()))[0])
    doubled = np.concatenate([activations, -activations], 2)  # of mean 0: centring changes nothing
    uncentred = torch.as_tensor(np.array(get_2d_projection(doubled))[0])[: activations.shape[2]]
    uncentred *= uncentred.sum().sign()
    close(found, large(uncentred, found), 1e-4)
    assert float((scaled(found.double()) - scaled(large(centred, found))).abs().max()) > 0.1
    assert bool((found >= 0).all())


def test_score_cam_is_pytorch_grad_cams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where what is hidden is the mean colour, 0 to the network, and channels are enlarged in the same way (the peer's
    corners are aligned, the paper does not say)."""
    monkeypatch.setattr(nn, "UpsamplingBilinear2d", lambda size: nn.Upsample(size, mode="bilinear"))
    masked = bound(Plain(), removal="zero")
    target = top(masked)
    features = last_features(masked, target)
    found = score_cam(masked, features)
    close(found, large(peers_map("ScoreCAM", masked, target), found), 1e-3)


# ---- one vision transformer, five times -------------------------------------------------------------------------


class Tokens(nn.Module):
    """A pre-norm transformer with a class token, its attention written in one of five ways."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way, self.width, self.heads = way, 16, 2
        self.patches = nn.Conv2d(3, self.width, 16, 16)
        self.token = nn.Parameter(torch.zeros(1, 1, self.width))
        self.places = nn.Parameter(torch.zeros(1, 17, self.width))
        self.layers = nn.ModuleList([
            nn.TransformerEncoderLayer(self.width, self.heads, 32, 0.1, "gelu", batch_first=True, norm_first=True) for _ in range(2)
        ])  # fmt: skip
        self.norm, self.head = nn.LayerNorm(self.width), nn.Linear(self.width, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.places
        for layer in self.layers:
            if self.way == "torch":
                x = layer(x)
            else:
                x = x + self.attend(layer.self_attn, layer.norm1(x))
                x = x + layer.linear2(F.gelu(layer.linear1(layer.norm2(x))))
        return self.head(self.norm(x)[:, 0])

    def attend(self, layer: nn.MultiheadAttention, x: Tensor) -> Tensor:
        weight, bias, count, size = layer.in_proj_weight, layer.in_proj_bias, x.shape[1], self.width // self.heads
        shape = (len(x), count, self.heads, size)
        if self.way == "module":
            return layer(x, x, x, need_weights=False)[0]
        if self.way == "three":
            parts = [
                F.linear(x, w, b).view(shape).transpose(1, 2)
                for w, b in zip(weight.chunk(3), bias.chunk(3), strict=True)
            ]
        else:
            parts = [*F.linear(x, weight, bias).reshape(len(x), count, 3, self.heads, size).permute(2, 0, 3, 1, 4)]
        query, key, value = parts
        if self.way == "einsum":
            scores = torch.einsum("nhqd,nhkd->nhqk", query, key) * size**-0.5
            mixed = torch.einsum("nhqk,nhkd->nqhd", scores.softmax(-1), value).flatten(2)
        elif self.way == "matmul":
            mixed = ((query * size**-0.5) @ key.transpose(-2, -1)).softmax(-1) @ value
            mixed = mixed.transpose(1, 2).reshape(len(x), count, -1)
        else:
            mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(len(x), count, -1)
        return layer.out_proj(mixed)


def test_ways_of_writing_a_vision_transformer_make_no_difference() -> None:
    """Nor does the way in which attention is written make one to relevance or contributions."""
    maps, handed, lifted = [], [], []
    for way in ("torch", "module", "three", "matmul", "einsum", "fused"):
        masked = bound(Tokens(way))
        features = last_features(masked, 1)
        assert features.maps[0].activations.shape == (16, 4, 4)
        maps.append(activation_map(features, "grad-cam"))
        handed.append(relevance(masked, 1, RelevanceShares(epsilon=1e-9))[0])
        lifted.append(deeplift(masked, 1, torch.zeros_like(masked.image)).values)
    for kind in (maps, handed, lifted):
        for one in kind[1:]:
            close(one, kind[0])
