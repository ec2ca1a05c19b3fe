"""Maps and metrics beside those of captum, pytorch-grad-cam, shap, lime, torchcam and Quantus, in one run.

    make .venv-zoo/.ready
    .venv-zoo/bin/python -m benchmarks.peers.side_by_side FOLDER [--limit 5] [--table docs/tables/peers.md]

Every row is the same network (one of the bundled), photographs, samples or steps, one thread; what is hidden is 0 after
normalisation. Peers run on the network as it is loaded, in batches of the same size; ours as the command line runs it.
After one run each, processor times are of two, in the order ours, peer, peer, ours. Printed are their ratio (peer over
ours: above 1 ours is faster) as the geometric mean over photographs with a 95 % bootstrap interval; the mean
correlation of the two maps; and what each map is worth: insertion minus deletion in 16 steps, higher is better. Of
maps that should add up to the difference of two logits it is how far they are from it, lower is better; of metrics the
values' largest difference is printed. The last column is our time over that of the bare passes of the network.
A peer that cannot do it on this network says why. ReX has `benchmarks.peers.against_rex`; the code that was published
for aggregation is in no package.
"""

from __future__ import annotations

import argparse
import math
import statistics
import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.shared import seconds, spread
from benchmarks.speed.attribution_cost import Noting, bare_passes
from benchmarks.speed.metric_cost import given, quantus, torchcam
from benchmarks.torchvision_import import import_torchvision
from unseen import Classifier, load_classifier
from unseen.evaluation.judging.report.maps import as_interval
from unseen.evaluation.statistics import Interval, mean_interval
from unseen.explainers.catalogue import METHODS
from unseen.explainers.hiding.segments import segmentation
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.metrics.case import Case, judge
from unseen.metrics.curves import Deletion, Insertion
from unseen.removal import REMOVALS
from unseen.system.process import tune_allocator
from unseen.system.table import markdown

SAMPLES = 400
SEGMENTS = 40
BATCH = 16
REMOVAL = "zero"

Ask = Callable[["Asked"], Any]
"""A peer's map, as an array or tensor whose last two axes are those of the photograph."""


class PeerError(Exception):
    """A peer cannot do it on this network."""


@dataclass(frozen=True, eq=False)
class Asked:
    """One photograph, for a peer."""

    classifier: Classifier
    image: Tensor
    target: int

    @property
    def model(self) -> nn.Module:
        return self.classifier.model

    @property
    def difference(self) -> float:
        """Of the class's logit, between the photograph and 0 after normalisation."""
        with torch.inference_mode():
            full, nothing = self.model(torch.cat([self.entered, torch.zeros_like(self.entered)]))[
                :, self.target
            ].tolist()
        return float(full - nothing)

    @property
    def entered(self) -> Tensor:
        return self.classifier.normalise(self.image[None]).contiguous()

    @property
    def segments(self) -> Tensor:
        return segmentation(self.image, SEGMENTS).numbers


@dataclass(frozen=True)
class Found:
    """What one photograph said of a row; ``worth`` and ``gap`` are ours and the peer's."""

    ratio: float
    correlation: float
    worth: tuple[float, float]
    gap: tuple[float, float]
    beyond: float


def captum(name: str, **options: Any) -> Ask:
    def ask(asked: Asked) -> Tensor:
        import captum.attr

        method = getattr(captum.attr, name)(asked.model)
        given = {key: value(asked) if callable(value) else value for key, value in options.items()}
        found: Tensor = method.attribute(asked.entered, target=asked.target, **given)
        return found.detach()[0].sum(0)

    return ask


def grad_cam(kind: str) -> Ask:
    def ask(asked: Asked) -> Any:
        import_torchvision()
        import pytorch_grad_cam
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        with getattr(pytorch_grad_cam, kind)(asked.model, [last_convolution(asked.model)]) as cam:
            cam.batch_size = BATCH
            return cam(asked.entered, [ClassifierOutputTarget(asked.target)])[0]

    return ask


def last_convolution(model: nn.Module) -> nn.Module:
    """The module whose output has the last feature map: the norm or rectifier after the last convolution."""
    after = False
    found: nn.Module = model
    for module in model.modules():
        after = after or isinstance(module, nn.Conv2d)
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.ReLU | nn.ReLU6) and after:
            found = module
    return found


def lime_image(asked: Asked) -> Tensor:
    from lime.lime_image import LimeImageExplainer

    numbers = asked.segments.numpy()
    explained = LimeImageExplainer(random_state=0).explain_instance(
        asked.entered[0].permute(1, 2, 0).double().numpy(),
        partial(answers, asked),
        labels=(asked.target,),
        top_labels=None,
        hide_color=0,
        num_samples=SAMPLES,
        batch_size=BATCH,
        segmentation_fn=lambda _: numbers,
    )
    weights = dict(explained.local_exp[asked.target])
    return torch.tensor([weights.get(number, 0.0) for number in range(numbers.max() + 1)])[asked.segments]


def partition(asked: Asked) -> Tensor:
    import shap

    picture = asked.entered[0].permute(1, 2, 0).numpy()
    explainer = shap.Explainer(
        lambda images: answers(asked, images)[:, [asked.target]],
        shap.maskers.Image(np.zeros(picture.shape), picture.shape),
    )
    found = explainer(picture[None], max_evals=SAMPLES, batch_size=BATCH, silent=True)
    return torch.tensor(found.values[0, ..., 0].sum(-1))


def answers(asked: Asked, pictures: Any) -> Any:
    """What functions of arrays are asked: (n, H, W, C) normalised → (n, K) probabilities."""
    batches = torch.as_tensor(np.asarray(pictures)).float().permute(0, 3, 1, 2)
    with torch.inference_mode():
        return torch.cat([asked.model(batch) for batch in torch.split(batches, BATCH)]).softmax(1).double().numpy()


def side(asked: Asked, share: float) -> int:
    return round(share * min(asked.image.shape[1:]))


ROWS: dict[str, tuple[str, Ask]] = {
    "captum, Occlusion": (
        "occlusion:window=0.25,stride=0.0625",
        captum(
            "Occlusion",
            sliding_window_shapes=lambda asked: (3, side(asked, 0.25), side(asked, 0.25)),
            strides=lambda asked: (3, side(asked, 0.0625), side(asked, 0.0625)),
            perturbations_per_eval=BATCH,
        ),
    ),
    "captum, IntegratedGradients (50 steps)": (
        "integrated-gradients:baseline=zero",
        captum("IntegratedGradients", n_steps=50, internal_batch_size=BATCH),
    ),
    "captum, KernelShap": (
        f"shapley:budget={SAMPLES},segments={SEGMENTS}",
        captum(
            "KernelShap",
            n_samples=SAMPLES,
            perturbations_per_eval=BATCH,
            feature_mask=lambda asked: asked.segments.expand(1, 3, -1, -1),
        ),
    ),
    "captum, LRP": ("lrp-epsilon", captum("LRP")),
    "captum, DeepLift": ("deeplift:baseline=zero", captum("DeepLift")),
    "pytorch-grad-cam, GradCAM": ("grad-cam", grad_cam("GradCAM")),
    "pytorch-grad-cam, GradCAMPlusPlus": ("grad-cam++", grad_cam("GradCAMPlusPlus")),
    "pytorch-grad-cam, XGradCAM": ("xgrad-cam", grad_cam("XGradCAM")),
    "pytorch-grad-cam, LayerCAM": ("layer-cam", grad_cam("LayerCAM")),
    "pytorch-grad-cam, ScoreCAM": ("score-cam", grad_cam("ScoreCAM")),
    "shap, partition of images": (f"shapley:budget={SAMPLES},segments={SEGMENTS},score=probability", partition),
    "lime, lime_image": (f"lime:samples={SAMPLES},segments={SEGMENTS}", lime_image),
}

COMPLETE = ("integrated-gradients", "deeplift")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--limit", type=int, default=5)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--rows", nargs="+", default=[*ROWS, "torchcam", "Quantus"])
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    tune_allocator()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # peers'
    plain = load_classifier(options.model, device="cpu")
    plain = Classifier(
        deepcopy(plain.model).requires_grad_(True), plain.preprocessing, plain.labels
    )  # as peers want it
    images = [plain.prepare(path) for path in spread(options.photos, options.limit)]
    rows = [["peer", "ours", "time peer / ours", "correlation", "worth ours", "worth peer", "ours / bare passes"]]
    for row in lines(options.rows, plain, images):
        rows.append(row)
        print(" | ".join(row), flush=True)
    text = markdown(rows)
    print(f"\n{text}")
    if options.table:
        options.table.write_text(text + "\n", "utf-8")


def lines(names: list[str], plain: Classifier, images: list[Tensor]) -> Iterator[list[str]]:
    """A row each; every one has the network to itself, for a peer that fails may leave something in it."""
    for name in names:
        own = Classifier(deepcopy(plain.model), plain.preprocessing, plain.labels)
        spec = ROWS[name][0] if name in ROWS else "deletion"
        try:
            if name in ROWS:
                yield of_maps(name, spec, [compared(own, image, spec, ROWS[name][1]) for image in images])
            else:
                peer, steps = {"torchcam": (torchcam, 56), "Quantus": (quantus, 84)}[name]
                pairs = [peer(given(own, image, REMOVAL), steps) for image in images]
                told = f"largest difference {max(pair[1] for pair in pairs):.1g}"
                yield [f"{name}, deletion", f"`{spec}`", shown([1 / pair[0] for pair in pairs]), told, "–", "–", "–"]
        except PeerError as error:
            yield [name, f"`{spec}`", f"– ({error})", "–", "–", "–", "–"]
        except ImportError as error:
            yield [name, f"`{spec}`", f"– (not installed: {error})", "–", "–", "–", "–"]


def of_maps(name: str, spec: str, found: list[Found]) -> list[str]:
    if spec.startswith(COMPLETE):
        ours, theirs = (f"{statistics.fmean(one.gap[n] for one in found):.1%} off" for n in (0, 1))
    else:
        ours, theirs = (f"{statistics.fmean(one.worth[n] for one in found):.2f}" for n in (0, 1))
    agreement = f"{statistics.fmean(one.correlation for one in found):.3f}"
    ratio, beyond = shown([one.ratio for one in found]), shown([one.beyond for one in found])
    return [name, f"`{spec}`", ratio, agreement, ours, theirs, beyond]


def shown(ratios: list[float]) -> str:
    """The geometric mean with its interval."""
    found = mean_interval([math.log(ratio) for ratio in ratios])
    return as_interval(Interval(math.exp(found.value), math.exp(found.low), math.exp(found.high), found.n))


def compared(plain: Classifier, image: Tensor, spec: str, ask: Ask) -> Found:
    fast = Noting.of(plain.optimised())
    asked = Asked(plain, image, int(plain.logits(image[None]).argmax()))
    method = METHODS.create(spec)
    assert isinstance(method, FromMap)
    maps: list[Tensor] = []

    def ours() -> None:
        masked = REMOVALS.create(REMOVAL).bind(fast, image, batch_size=BATCH)
        fast.passes.clear()
        maps[:] = [method.attribute(Evaluator(masked, asked.target), 0, None).saliency]

    theirs: list[Tensor] = []

    def peers() -> None:
        try:
            found = ask(asked)
        except ImportError:
            raise
        except Exception as error:  # whatever a peer says of this network
            raise PeerError(" ".join(str(error).split())[:110]) from error
        theirs[:] = [torch.as_tensor(np.asarray(found)).float()]

    ours()
    peers()
    spent, peer = seconds(ours), seconds(peers)
    peer += seconds(peers)
    spent += seconds(ours)
    passes = list(fast.passes)
    bare = seconds(partial(bare_passes, fast, image, asked.target, passes))
    masked = REMOVALS.create(REMOVAL).bind(fast, image, batch_size=BATCH)
    curves = [
        (Case(found, asked.target, masked), curve(16)) for found in (*maps, *theirs) for curve in (Insertion, Deletion)
    ]
    shown, hidden, peer_shown, peer_hidden = (float(value) for value in judge(curves))  # type: ignore[arg-type]
    both = torch.stack([maps[0].flatten().double(), theirs[0].flatten().double()])
    return Found(
        ratio=peer / spent,
        correlation=float(torch.corrcoef(both)[0, 1]),
        worth=(shown - hidden, peer_shown - peer_hidden),
        gap=(gap(maps[0], asked.difference), gap(theirs[0], asked.difference)),
        beyond=spent / 2 / bare,
    )


def gap(found: Tensor, difference: float) -> float:
    """How far a map's sum is from the difference of the logits, as a share of that."""
    return abs(float(found.double().sum()) - difference) / abs(difference)


if __name__ == "__main__":
    main()
