"""Which attribution methods are right on which architectures, by identities that a wrong map breaks.

    python -m benchmarks.tables.attribution_by_architecture [--names tv:resnet50 …] [--json rows.json] [--out docs/….md]

Needs torchvision, timm and transformers (`make attribution-matrix` sets them up). Every architecture is built by its
own library, at its own size, with random weights whose activations keep their scale, in double precision. A cell is
right if its identity holds; a method that refuses the architecture says why; anything else is a wrong cell, and the
command ends with 1. A run that was stopped goes on after the rows in --json.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from benchmarks.tables.architectures import NAMES, SIZES
from benchmarks.zoo import build, randomise
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError
from unseen.explainers.cam.cam import activation_map
from unseen.explainers.gradients.gradient import gradient
from unseen.explainers.gradients.rectifiers import rectified_gradient
from unseen.explainers.propagation.deeplift import deeplift
from unseen.explainers.propagation.lrp import relevance
from unseen.explainers.propagation.lrp_pass import RelevanceShares
from unseen.removal import REMOVALS, MaskedClassifier
from unseen.removal.deactivation.features import last_features
from unseen.system.process import tune_allocator

HEAD = """# Attribution methods by architecture

Which methods are right on which networks. Made by

```console
$ make attribution-matrix
```

with torchvision {torchvision}, timm {timm} and transformers {transformers}, random weights, every network's own size,
double precision. Methods that only hide parts (`occlusion`, `rise`, `lime`, `shapley`, `iassa:beta=1`, and the
`causal` search) ask nothing of a network and have no column. A cell says "right" if an identity holds
that a wrong map breaks, up to rounding or what finite differences resolve; otherwise it is refused, for the reason in
the notes below.

- *Gradients* (`saliency`, `input-x-gradient`, `smoothgrad`, `smoothgrad-squared`, `vargrad`, `integrated-gradients`,
  `expected-gradients`): the slope along a random direction is that of central differences.
- *Rectifiers* (`deconvnet`, `guided-backprop`): equal to the gradient of the network in which every rectifier is
  replaced by a function with that backward rule.
- *LRP* (`lrp-epsilon`, `lrp-gamma`, `lrp-alpha-beta`) and *deep Taylor*: the logit is that of the plain network and
  equals the relevance of the pixels plus what biases and other constants absorbed.
- *DeepLIFT*: the contributions add up to the difference of the plain network's logits.
- *CAM*: the head averages the last feature map and is linear, so that the map's mean is the logit without its bias.
- *Feature maps* (`grad-cam`, `grad-cam++`, `xgrad-cam`, `layer-cam`, `eigen-cam`, `ablation-cam`, `score-cam`,
  `opti-cam`): the slope of the logit, when the channels of the layer that was found are scaled, is that of the captured
  activations and gradients. The cell names the layer and its size.

After all of it the network's parameters, buffers, gradients, flags and hooks and torch's random state are as before.

"""
COLUMNS = ("gradients", "rectifiers", "LRP", "deep Taylor", "DeepLIFT", "CAM", "feature maps")
CLOSE = 1e-6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", nargs="+", default=NAMES)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    tune_allocator()
    known = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    for name in options.names:
        if name not in known:
            known[name] = examine(name)
            if options.json:
                options.json.write_text(json.dumps(known, indent=1))
        print(name, *(f"  {column}: {cell}" for column, cell in known[name].items()), sep="\n", flush=True)
    chosen = {name: known[name] for name in options.names}
    if options.out:
        options.out.write_text(table(chosen))
    wrong = [(name, column) for name, cells in chosen.items() for column, cell in cells.items() if "WRONG" in cell]
    if wrong:
        sys.exit(f"wrong cells: {wrong}")


def examine(name: str) -> dict[str, str]:
    """What each column says: "right …", "refused: …" or "WRONG …"."""
    size = next((size for part, size in SIZES.items() if part in name), 224)
    model = randomise(build(name, size, small=False), size).double()
    classifier = Classifier(model, Preprocessing((size, size), None), name=name)
    image = torch.rand(3, size, size, generator=torch.Generator().manual_seed(0)).double()
    masked = REMOVALS.create("grey").bind(classifier, image)
    with torch.no_grad():
        logits = classifier.forward(image[None])[0]
    target = int(logits.argmax())
    before = state_of(model)
    cells = {column: cell(check, masked, target) for column, check in CHECKS.items()}
    if state_of(model) != before:
        cells["gradients"] += "; WRONG: the model was changed"
    return cells


def cell(check: Callable[[MaskedClassifier, int], str], masked: MaskedClassifier, target: int) -> str:
    try:
        return check(masked, target)
    except NotApplicableError as error:
        return "refused: " + str(error).rpartition(";")[0]


def logit(masked: MaskedClassifier, target: int, images: Tensor) -> list[float]:
    with torch.no_grad():
        return [float(masked.classifier.forward(image[None])[0, target]) for image in images]


def agree(one: float, other: float, scale: float = 0.0) -> str:
    error = abs(one - other) / max(abs(one), abs(other), scale, 1e-12)
    return "right" if error < CLOSE else f"WRONG by {error:.1e}: {one:.6g} for {other:.6g}"


def gradients(masked: MaskedClassifier, target: int) -> str:
    found = gradient(masked, target).double()
    direction = torch.randn(found.shape, generator=torch.Generator().manual_seed(1)).double()
    expected, scale = float((found * direction).sum()), float((found * direction).norm())
    errors = []
    for step in (1e-8, 1e-9, 1e-10, 1e-11, 1e-12):  # as far as curvature and kinks, or rounding, allow
        images = torch.stack([masked.image - step * direction, masked.image + step * direction])
        below, above = logit(masked, target, images)
        slope = (above - below) / (2 * step)
        errors.append(abs(slope - expected) / max(abs(slope), scale))
    return "right" if min(errors) < 1e-3 else f"WRONG by {min(errors):.1e}"


def rectifiers(masked: MaskedClassifier, target: int) -> str:
    verdicts = []
    for rule in ("guided", "deconvnet"):
        found = rectified_gradient(masked, target, rule)
        image = masked.image[None].clone().requires_grad_()
        with Replaced(rule):
            value = masked.classifier.forward(image)[0, target]
        (expected,) = torch.autograd.grad(value, image)
        error = float((found - expected[0]).abs().max()) / float(expected.abs().max())
        verdicts.append("right" if error < CLOSE else f"WRONG by {error:.1e}")
    return joined(verdicts)


class Replaced(TorchFunctionMode):
    """Runs a network with every rectifier replaced by one with another backward rule."""

    def __init__(self, rule: str) -> None:
        super().__init__()
        self.rule = rule

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.__name__.strip("_")
        if name not in ("relu", "relu6", "hardtanh"):
            return func(*args, **kwargs)
        order = ("input", "min_val", "max_val", "inplace") if name == "hardtanh" else ("input", "inplace")
        call = dict(zip(order, args, strict=False)) | kwargs
        if name == "hardtanh" and (call["min_val"], call["max_val"]) != (0.0, 6.0):
            return func(*args, **kwargs)
        output: Tensor = Rectifier.apply(  # type: ignore[no-untyped-call]
            call["input"], self.rule, float("inf") if name == "relu" else 6.0
        )
        changes = func.__name__.endswith("_") or call.get("inplace")
        return call["input"].copy_(output) if changes else output


class Rectifier(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, rule: str, most: float) -> Tensor:
        context.save_for_backward((values > 0) & (values < most))
        context.rule = rule
        return values.clamp(0, most)

    @staticmethod
    def backward(context: Any, *signals: Tensor) -> tuple[Tensor, None, None]:
        (is_open,) = context.saved_tensors
        passed = signals[0].clamp(min=0)
        return (passed * is_open if context.rule == "guided" else passed), None, None


def lrp(masked: MaskedClassifier, target: int) -> str:
    return joined(
        [conserved(masked, target, RelevanceShares(v, alpha=2.0)) for v in ("epsilon", "gamma", "alpha-beta")]
    )


def deep_taylor(masked: MaskedClassifier, target: int) -> str:
    return conserved(masked, target, RelevanceShares("deep-taylor"))


def conserved(masked: MaskedClassifier, target: int, shares: RelevanceShares) -> str:
    found, record = relevance(masked, target, shares)
    (plain,) = logit(masked, target, masked.image[None])
    scale = float(found.double().norm()) + abs(record["absorbed"])
    return joined([agree(record["logit"], plain), agree(record["relevance"] + record["absorbed"], plain, scale)])


def differences(masked: MaskedClassifier, target: int) -> str:
    baseline = torch.zeros_like(masked.image)
    found = deeplift(masked, target, baseline)
    photograph, colour = logit(masked, target, torch.stack([masked.image, baseline]))
    scale = float(found.values.double().norm())
    return agree(found.difference - found.gap, photograph - colour, scale)


def feature_maps(masked: MaskedClassifier, target: int) -> str:
    features = last_features(masked, target)
    channels = features.channels
    weights = torch.randn(channels, generator=torch.Generator().manual_seed(2))
    step = 1e-6
    factors = torch.stack([1 + sign * step * weights.double() for sign in (-1, 1)])
    below, above = features.scores(lambda first, last: factors[first:last], 2).values[:, 0].tolist()
    terms = [(one.activations.double() * one.gradients).sum((1, 2)) for one in features.maps]
    each = weights.double() * torch.cat(terms)
    slope, error = (above - below) / (2 * step), float(each.sum())
    close = abs(slope - error) < 1e-4 * float(each.norm())
    size = " + ".join("×".join(map(str, one.activations.shape)) for one in features.maps)
    return f"{features.layer}, {size}" if close else f"WRONG: {error:.6g} for {slope:.6g}"


def cam(masked: MaskedClassifier, target: int) -> str:
    features = last_features(masked, target)
    found = activation_map(features, "cam")
    bias = float(features.scores(lambda *_: torch.zeros(1, features.channels), 1).values)
    mean, value = float(found.double().mean()), features.value - bias
    return "right" if abs(mean - value) < 1e-4 * max(abs(mean), abs(value)) else f"WRONG: {mean:.6g} for {value:.6g}"


CHECKS = dict(zip(COLUMNS, (gradients, rectifiers, lrp, deep_taylor, differences, cam, feature_maps), strict=True))


def joined(verdicts: Sequence[str]) -> str:
    wrong = [verdict for verdict in verdicts if verdict != "right"]
    return "; ".join(wrong) or "right"


def state_of(model: nn.Module) -> tuple[Any, ...]:
    """Everything of a network that a method could change, and torch's random state."""
    tensors = [(name, float(tensor.double().sum())) for name, tensor in model.state_dict().items()]
    flags = [(p.requires_grad, p.grad is None) for p in model.parameters()]
    modules = [(m.training, len(m._forward_hooks), len(m._backward_hooks)) for m in model.modules()]
    return tensors, flags, modules, torch.get_rng_state().sum().item()


def table(found: dict[str, dict[str, str]]) -> str:
    from importlib.metadata import version

    versions = {package: version(package) for package in ("torchvision", "timm", "transformers")}
    notes: dict[str, int] = {}

    def shown(name: str, cell: str) -> str:
        if not cell.startswith("refused: "):
            return cell if "WRONG" not in cell else f"**{cell}**"
        reason = cell.removeprefix("refused: ").replace(name, "the network")
        for detail, instead in ((r" in module '[^']*'", ""), (r"cannot pass \w+", "cannot pass it")):
            reason = re.sub(detail, instead, reason)
        reason = re.sub(r"the head after .* does not", "its head does not", reason)
        return f"no [{notes.setdefault(reason, len(notes) + 1)}]"

    head = f"| architecture | {' | '.join(COLUMNS)} |\n| --- |{' --- |' * len(COLUMNS)}\n"
    lines = [f"| `{name}` | {' | '.join(shown(name, cells[c]) for c in COLUMNS)} |" for name, cells in found.items()]
    right = {c: sum(not cells[c].startswith("refused") for cells in found.values()) for c in COLUMNS}
    count = ", ".join(f"{column} {number}" for column, number in right.items())
    reasons = "\n".join(f"{number}. {reason}." for reason, number in notes.items())
    return (
        HEAD.format(**versions) + head + "\n".join(lines) + f"\n\nRight on, of {len(found)}: {count}. All other cells "
        f"are refused, none is wrong.\n\n## Why refused\n\n{reasons}\n"
    )


if __name__ == "__main__":
    main()
