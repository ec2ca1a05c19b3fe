"""Whatever a refusal advises works: each remedy is followed, where it was offered."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import unseen
from unseen import Classifier, Preprocessing
from unseen.errors import UnseenError
from unseen.explainers import METHODS
from unseen.metrics import METRICS
from unseen.removal import REMOVALS

SIDE = 16
PHOTO = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0), dtype=torch.float32)


class Net(nn.Module):
    """A small network, into which something is planted between its layers."""

    def __init__(self, planted: Callable[[Net, Tensor], Tensor] = lambda _, x: x, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
        self.head = nn.Linear(4, 3)
        self.planted = planted

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.planted(self, self.layers(x)).mean((2, 3)))


class Wrapped(nn.Module):
    """What the network returns, changed."""

    def __init__(self, network: nn.Module, change: Callable[[Any], Any]) -> None:
        super().__init__()
        self.network, self.change = network, change

    def forward(self, x: Tensor) -> Any:
        return self.change(self.network(x))


class Undifferentiable(torch.autograd.Function):
    """Has no backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        del ctx
        return x.clone()


def classifier(
    network: nn.Module | None = None, labels: Any = None, size: int = SIDE, outputs: str = "logits"
) -> Classifier:
    network = Net() if network is None else network
    preparing = Preprocessing((size, size), None, mean=(0, 0, 0), std=(1, 1, 1))
    return Classifier(network.eval(), preparing, labels, outputs=outputs)


def explain(
    network: nn.Module | None = None, method: Any = "occlusion:window=0.5", removal: str = "grey", **more: Any
) -> None:
    more = {"photo": PHOTO, **more}
    own = {name: more.pop(name) for name in ("labels", "outputs") if name in more}
    found = unseen.explain(classifier=classifier(network, **own), method=method, removal=removal, **more)
    assert bool(found.saliency.isfinite().all())


def ask(network: nn.Module, **more: Any) -> None:
    assert bool(classifier(network, **more).logits(PHOTO[None]).isfinite().all())


def made_in_inference_mode() -> nn.Module:
    with torch.inference_mode():
        return Net()


def traced() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.trace(Net().eval(), PHOTO[None])


def masks(values: Tensor, removal: str) -> None:
    REMOVALS.create(removal).bind(classifier(), PHOTO)(values)


def with_logit(value: float) -> Net:
    network = Net()
    nn.init.zeros_(network.head.weight)
    nn.init.constant_(network.head.bias, value)
    with torch.no_grad():
        network.head.bias[0] += 1
        network.head.weight[0] += 0.01
    return network


class PastTorch(Net):
    """Adds something to what it sees that no function of torch's brought there."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad(), torch._C.DisableTorchFunction():
            outside = [one.mean().item() for one in x.detach()]
        return super().forward(x) + torch.tensor(outside, dtype=x.dtype)[:, None]


def by_the_others(logits: Tensor) -> Tensor:
    """Something else for each photograph beside others."""
    return logits + (logits - logits.roll(1, 0))


def bind(network: nn.Module, removal: str, image: Tensor) -> None:
    REMOVALS.create(removal).bind(classifier(network), image)


def holds(asked: Classifier) -> None:
    assert bool(asked.outputs.holds(asked.logits(PHOTO[None]), 0))


PLAIN = Preprocessing((SIDE, SIDE), None, mean=(0, 0, 0), std=(1, 1, 1))
SPECTRAL = Net(lambda _, x: torch.fft.ifft2(torch.fft.fft2(x)).real)
SINGLE = Wrapped(Net(), lambda z: z[:, :1])
SOFT = torch.full((1, SIDE, SIDE), 0.5)


class Remedy(NamedTuple):
    """A refusal, the words in which it offers help, and what it offers."""

    offered: str
    refused: Callable[[], Any]
    followed: Callable[[], Any]


REMEDIES = {
    "batch size": Remedy(
        "or batch size 1, a removal that paints, such as 'blur', and a method that only asks, such as 'occlusion'",
        lambda: explain(Net(lambda _, x: x - x.mean(0)), removal="ad", method="grad-cam"),
        lambda: explain(Net(lambda _, x: x - 0.5 * x.mean(0)), removal="blur", method="occlusion", batch_size=1),
    ),
    "batch size under ad": Remedy(
        "use batch size 1",
        lambda: bind(Wrapped(Net(), by_the_others), "ad", PHOTO),
        lambda: explain(Wrapped(Net(), by_the_others), removal="ad", batch_size=1),
    ),
    "a removal that needs no batch": Remedy(
        "or choose another removal",
        lambda: bind(Wrapped(Net(), by_the_others), "ad", PHOTO),
        lambda: bind(Wrapped(Net(), by_the_others), "grey", PHOTO),
    ),
    "what is read past torch": Remedy(
        "such as 'blur'",
        lambda: explain(PastTorch(), removal="ad"),
        lambda: explain(PastTorch(), removal="blur"),
    ),
    "a value of no image": Remedy(
        "or of Classifier.deciding(image)",
        lambda: holds(classifier(SINGLE, outputs="value")),
        lambda: holds(classifier(SINGLE, outputs="value").deciding(PHOTO)),
    ),
    "more segments than pixels": Remedy(
        f"ask for at most {SIDE**2}",
        lambda: explain(method=f"lime:segments={SIDE**2 + 1},samples=20"),
        lambda: explain(method=f"lime:segments={SIDE**2},samples=20"),
    ),
    "a map of NaN": Remedy(
        "choose another method, such as 'occlusion'",
        lambda: explain(Net(lambda _, x: x * 1e25), "smoothgrad-squared:samples=2"),
        lambda: explain(Net(lambda _, x: x * 1e25), "occlusion"),
    ),
    "dropout": Remedy(
        "pass training=self.training to it",
        lambda: explain(Net(lambda _, x: F.dropout(x, 0.5))),
        lambda: explain(Net(lambda net, x: F.dropout(x, 0.5, training=net.training))),
    ),
    "dropout as a module": Remedy(
        "or use the module nn.Dropout",
        lambda: explain(Net(lambda _, x: F.dropout(x, 0.5))),
        lambda: explain(nn.Sequential(nn.Dropout(0.5), Net())),
    ),
    "noise": Remedy(
        "in training only (if self.training: …)",
        lambda: explain(Net(lambda _, x: x + torch.rand_like(x))),
        lambda: explain(Net(lambda net, x: x + torch.rand_like(x) if net.training else x)),
    ),
    "labels": Remedy(
        "pass one label per output",
        lambda: explain(labels=["a", "b"]),
        lambda: explain(labels=["a", "b", "c"]),
    ),
    "one output": Remedy(
        "outputs='binary'",
        lambda: explain(SINGLE),
        lambda: explain(SINGLE, outputs="binary"),
    ),
    "no tensor": Remedy(
        "wrap it in a module that returns logits",
        lambda: explain(Wrapped(Net(), lambda z: (z, z))),
        lambda: explain(Wrapped(Wrapped(Net(), lambda z: (z, z)), lambda pair: pair[0])),
    ),
    "half precision": Remedy(
        "try float32",
        lambda: ask(Net(lambda _, x: (x + 1) * 1e5).half()),
        lambda: ask(Net(lambda _, x: (x + 1) * 1e5).half().float()),
    ),
    "a function": Remedy(
        "give unseen.Preprocessing(size, resize, mean=…, std=…), with mean (0, 0, 0) and std (1, 1, 1)",
        lambda: Classifier(lambda x: x.mean((2, 3))),
        lambda: Classifier(lambda x: x.mean((2, 3)), Preprocessing(SIDE, None, mean=(0, 0, 0), std=(1, 1, 1))).logits(
            PHOTO[None]
        ),
    ),
    "preprocessing": Remedy(
        "give unseen.Preprocessing(size, resize, …)",
        lambda: Classifier(Net(), 224),  # type: ignore[arg-type]
        lambda: Classifier(Net(), Preprocessing(224, 256)),  # type: ignore[arg-type]
    ),
    "a crop larger than the picture": Remedy(
        "is smaller than the crop",
        lambda: Preprocessing((224, 224), 200),
        lambda: Preprocessing((224, 224), 224),
    ),
    "no gradient": Remedy(
        "such as 'occlusion'",
        lambda: explain(Net(lambda _, x: x.detach()), "saliency"),
        lambda: explain(Net(lambda _, x: x.detach()), "occlusion"),
    ),
    "no backward pass": Remedy(
        "such as 'occlusion'",
        lambda: explain(Net(lambda _, x: Undifferentiable.apply(x)), "saliency"),
        lambda: explain(Net(lambda _, x: Undifferentiable.apply(x)), "occlusion"),
    ),
    "gradients of NaN": Remedy(
        "such as 'occlusion'",
        lambda: explain(Net(lambda _, x: x + (x - x).sqrt()), "saliency"),
        lambda: explain(Net(lambda _, x: x + (x - x).sqrt()), "occlusion"),
    ),
    "inference mode": Remedy(
        "copy.deepcopy(network)",
        lambda: explain(made_in_inference_mode(), "saliency"),
        lambda: explain(copy.deepcopy(made_in_inference_mode()), "saliency"),
    ),
    "a compiled network": Remedy(
        "pass the original nn.Module",
        lambda: explain(traced(), removal="ad"),
        lambda: explain(Net(), removal="ad"),
    ),
    "a compiled network under a fill": Remedy(
        "a removal that paints, such as 'grey' or 'blur'",
        lambda: explain(traced(), removal="ad"),
        lambda: [explain(traced(), removal=name) for name in ("grey", "blur")],
    ),
    "an operation without a rule": Remedy(
        "such as 'channel-mean'",
        lambda: explain(SPECTRAL, removal="ad"),
        lambda: explain(SPECTRAL, removal="channel-mean"),
    ),
    "no map": Remedy(
        "such as 'integrated-gradients'",
        lambda: explain(SPECTRAL, "grad-cam"),
        lambda: explain(SPECTRAL, "integrated-gradients"),
    ),
    "a head of two layers": Remedy(
        "choose 'grad-cam'",
        lambda: explain(Wrapped(Net(), torch.exp), "cam"),
        lambda: explain(Wrapped(Net(), torch.exp), "grad-cam"),
    ),
    "no rectifier": Remedy(
        "such as 'integrated-gradients'",
        lambda: explain(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 3)), "guided-backprop"),
        lambda: explain(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 3)), "integrated-gradients"),
    ),
    "another activation": Remedy(
        "such as 'integrated-gradients'",
        lambda: explain(Net(lambda _, x: F.silu(x)), "deconvnet"),
        lambda: explain(Net(lambda _, x: F.silu(x)), "integrated-gradients"),
    ),
    "a negative logit": Remedy(
        "or choose 'lrp-epsilon'",
        lambda: explain(with_logit(-5), "deep-taylor"),
        lambda: explain(with_logit(-5), "lrp-epsilon"),
    ),
    "another class with a positive logit": Remedy(
        "explain a class whose logit is positive",
        lambda: explain(with_logit(0.5 - 1), "deep-taylor", target=1),
        lambda: explain(with_logit(0.5 - 1), "deep-taylor", target=0),
    ),
    "soft masks": Remedy(
        "threshold yours first",
        lambda: masks(SOFT, "ad"),
        lambda: masks((SOFT > 0.4).float(), "ad"),
    ),
    "optimised masks": Remedy(
        "such as 'grey'",
        lambda: explain(Net(), "opti-cam", "ad"),
        lambda: explain(Net(), "opti-cam:steps=3", "grey"),
    ),
    "optimised masks by channels": Remedy(
        "or 'score-cam'",
        lambda: explain(Net(), "opti-cam", "ad"),
        lambda: explain(Net(), "score-cam", "ad"),
    ),
    "bytes": Remedy(
        "divide bytes by 255",
        lambda: REMOVALS.create("grey").bind(classifier(), (255 * PHOTO).byte()),
        lambda: REMOVALS.create("grey").bind(classifier(), (255 * PHOTO).byte() / 255),
    ),
    "a normalised array": Remedy(
        "or give bytes as uint8",
        lambda: explain(photo=255 * PHOTO),
        lambda: explain(photo=(255 * PHOTO).byte()),
    ),
    "something else than a photograph": Remedy(
        "give a path, a Pillow image, an array or a tensor",
        lambda: explain(photo=PHOTO.tolist()),
        lambda: explain(photo=PHOTO.permute(1, 2, 0).numpy()),
    ),
    "a name without labels": Remedy(
        "give the target's index",
        lambda: explain(target="cat"),
        lambda: explain(target=1),
    ),
    "an ambiguous name": Remedy(
        "give the index of the one you mean",
        lambda: explain(labels=["crane", "crane", "cat"], target="crane"),
        lambda: explain(labels=["crane", "crane", "cat"], target=1),
    ),
    "a number that is a name": Remedy(
        "give an int in Python",
        lambda: explain(labels=["2", "0", "1"], target="1"),
        lambda: explain(labels=["2", "0", "1"], target=1),
    ),
    "one text as labels": Remedy(
        "give a list with one name per class",
        lambda: explain(labels="a b c"),
        lambda: explain(labels="a b c".split()),
    ),
    "labels without order": Remedy(
        "or {index: name}",
        lambda: explain(labels={"a", "b", "c"}),
        lambda: explain(labels={2: "a", 0: "b", 1: "c"}),
    ),
    "no confidence": Remedy(
        "e.g. 0.5",
        lambda: explain(confidence=()),
        lambda: explain(confidence=0.5),
    ),
    "a class for an object": Remedy(
        "as in Occlusion()",
        lambda: METHODS.resolve(type(METHODS.create("occlusion"))),
        lambda: METHODS.resolve(type(METHODS.create("occlusion"))()),
    ),
    "a misspelt method": Remedy(
        "did you mean 'saliency'",
        lambda: explain(method="salience"),
        lambda: explain(method="saliency"),
    ),
    "too small a budget": Remedy(
        "give at least budget=66",
        lambda: explain(method="shapley:segments=16,budget=20"),
        lambda: explain(method="shapley:segments=16,budget=66"),
    ),
    "a score near 0": Remedy(
        "use score=probability",
        lambda: METRICS.create("deletion:normalised=true,score=logit"),
        lambda: METRICS.create("deletion:normalised=true,score=probability"),
    ),
}


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("name", REMEDIES)
def test_what_a_refusal_offers_works(name: str) -> None:
    remedy = REMEDIES[name]
    with pytest.raises(UnseenError) as refusal:
        remedy.refused()
    assert remedy.offered in str(refusal.value)
    remedy.followed()
