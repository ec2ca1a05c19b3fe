"""The checks of a user's model, one function each, in the order in which they are made.

What methods check by themselves is asked here through the same code. Two sorts of answers need no refusal, but a reader
who knows them: what a model says of nothing, and what a photograph lost before the model saw it. They are noted.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.answers import check_finite, check_labels
from unseen.classifier.contradictions import check_meaning
from unseen.classifier.decision import check_company
from unseen.classifier.differentiation import logit_gradient, slope_found
from unseen.classifier.outputs.catalogue import OUTPUTS
from unseen.classifier.prepared import Prepared
from unseen.classifier.repeatability import accompanied, check_repeatable, states
from unseen.errors import ModelError, NotApplicableError
from unseen.inputs.photo import PhotoSource
from unseen.inputs.space import extent, size_of
from unseen.removal import MaskedClassifier
from unseen.removal.deactivation.activation import ActivationDeactivation, check_unseen
from unseen.removal.deactivation.features import LITTLE, last_features
from unseen.removal.slope import is_slope

Status = Literal["holds", "fails", "noted"]
Found = tuple[Status, str]
"""Whether it holds, and what was measured; of what is noted also what follows from it."""

SIZES = (3, 7)
"""Batches in which the photograph is shown once more."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A model and a photograph, and what several checks need of them."""

    classifier: Classifier
    photo: PhotoSource

    @cached_property
    def prepared(self) -> Prepared:
        """The photograph as the model sees it."""
        return self.classifier.prepared(self.photo)

    @cached_property
    def before(self) -> dict[str, Hashable]:
        """Everything that can be told of the network before it is asked."""
        return as_found(self.classifier)

    @property
    def image(self) -> Float[Tensor, "C H W"]:
        """Its pixels."""
        return self.prepared.pixels

    @cached_property
    def output(self) -> object:
        """What the network returns for it, not yet checked."""
        with torch.no_grad():
            return self.classifier.call(self.classifier.normalise(self.image[None]))

    @cached_property
    def logits(self) -> Float[Tensor, " K"]:
        """Of the photograph alone."""
        scores = self.classifier.outputs.scores(self.output, 1, self.classifier.name)
        return scores[0].detach().float().cpu()

    @property
    def target(self) -> int:
        """The class on top."""
        return self.classifier.outputs.top(self.logits)

    @cached_property
    def masked(self) -> MaskedClassifier:
        """The photograph under Activation–Deactivation."""
        return ActivationDeactivation().bind(self.classifier, self.image)

    def named(self, logits: Float[Tensor, " K"]) -> str:
        """The class on top of logits, and its probability."""
        outputs = self.classifier.outputs
        index = outputs.top(logits)
        return f"{self.classifier.label(index)} ({outputs.told(float(outputs.readings(logits[None])[0, index]))})"


def as_found(classifier: Classifier) -> dict[str, Hashable]:
    """What must be the same afterwards: values, flags, gradients and hooks of a network, by name."""
    found = states(classifier.model)
    for place, module in classifier.model.named_modules():
        found[f"training flag of {place or 'the network'}"] = module.training
        for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"):
            found[f"{name.strip('_').replace('_', ' ')} of {place or 'the network'}"] = tuple(getattr(module, name))
    for name, parameter in classifier.model.named_parameters():
        found[f"requires_grad of {name}"] = parameter.requires_grad
        found[f"gradient of {name}"] = None if parameter.grad is None else id(parameter.grad)
    return found


def check_photograph(subject: Subject) -> Found:
    """How much of the photograph the model sees, and how it was scaled."""
    done = subject.prepared
    given, size = done.given, done.size
    scaled = done.resized or given
    share = size_of(size) / size_of(scaled)
    told = extent(given) + (" (height × width)" if len(given) == 2 else "")
    told += f", scaled to {scaled[0]} × {scaled[1]}" if done.resized else ""
    told += f", of which the model sees the middle {size[0]} × {size[1]}, {100 * share:.0f} %" if share < 1 else ""
    if done.notes:
        return "noted", done.notes[0]
    if share < 0.5:
        return "noted", f"{told}; crop it around what matters, or give Preprocessing(resize=None)"
    return "holds", told


def check_precision(subject: Subject) -> Found:
    """Whether all weights have one dtype, of at least 32 bits, and lie on one device."""
    model = subject.classifier.model
    weights = [tensor for tensor in (*model.parameters(), *model.buffers()) if tensor.is_floating_point()]
    kinds = dict.fromkeys(f"{str(tensor.dtype).removeprefix('torch.')} on {tensor.device}" for tensor in weights)
    told = " and ".join(kinds) or "no weights"
    if len(kinds) > 1:
        return "noted", f"the weights are {told}; model.to(dtype=…, device=…) makes them one kind"
    if any(tensor.dtype.itemsize < 4 for tensor in weights):
        return "noted", f"{told} rounds logits by up to 1 %, and small differences are lost; model.float() is exact"
    return "holds", told


def check_form(subject: Subject) -> Found:
    """Whether the network returns one logit per class."""
    return "holds", _counted(len(subject.logits), "score")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def check_names(subject: Subject) -> Found:
    """Whether there are as many labels as classes."""
    labels = subject.classifier.labels
    if labels is not None:
        check_labels(len(subject.logits), len(labels), subject.classifier.name)
    unnamed = f'none were given; the first is called "{subject.classifier.label(0)}", and so on'
    return "holds", _counted(len(labels), "label") if labels else unnamed


def check_numbers(subject: Subject) -> Found:
    """Whether the logits are finite."""
    check_finite(subject.logits[None], subject.classifier.name)
    return "holds", f"logits from {float(subject.logits.min()):.3g} to {float(subject.logits.max()):.3g}"


def check_scale(subject: Subject) -> Found:
    """Whether the numbers are what was said of them; see :mod:`unseen.classifier.contradictions`."""
    images = accompanied(subject.image)
    notes = check_meaning(subject.classifier, images, subject.classifier.logits(images))
    return ("noted", notes[0]) if notes else ("holds", f"read as {OUTPUTS.spec_of(subject.classifier.outputs)}")


def check_twice(subject: Subject) -> Found:
    """See :func:`~unseen.classifier.repeatability.check_repeatable`."""
    check_repeatable(subject.classifier, subject.image)
    return "holds", "two answers are equal"


def check_decision(subject: Subject) -> Found:
    """Whether one class is on top where they exclude each other, and its probability can still rise and fall."""
    outputs = subject.classifier.outputs
    told = subject.named(subject.logits)
    if outputs.unit is None and not outputs.joint and bool((subject.logits == subject.logits.max()).sum() > 1):
        return "noted", f"{told}, and another class has the same logit; give the class to explain as target"
    if outputs.unit is None and float(outputs.readings(subject.logits[None])[0, subject.target]) == 1:
        return "noted", f"{told}: its probability is 1 in float32, so that only logits can tell what changes it"
    return "holds", told


def check_grey(subject: Subject) -> Found:
    """What the model says of a grey picture."""
    logits = subject.classifier.logits(torch.full_like(subject.image, 0.5)[None])[0]
    return _of_nothing(subject, logits, "a grey picture")


def check_nothing(subject: Subject) -> Found:
    """What the model says where everything is hidden by Activation–Deactivation."""
    logits = subject.masked(torch.zeros(1, *subject.masked.shape))[0]
    return _of_nothing(subject, logits, "the photograph, all of it hidden by ad,")


def _of_nothing(subject: Subject, logits: Tensor, what: str) -> Found:
    told = f"{what} is {subject.named(logits)}"
    if bool(subject.classifier.outputs.bound(subject.logits).holds(logits[None], subject.target)):
        return (
            "noted",
            f"{told}, as the photograph is: no part makes it so; explain another target",
        )
    return "holds", told


def check_neighbours(subject: Subject) -> Found:
    """See :func:`~unseen.classifier.decision.check_company`."""
    change = check_company(subject.classifier, subject.image, subject.logits)
    return "holds", f"between two other photographs the logits change by {change:.1e}"


def check_batches(subject: Subject) -> Found:
    """Whether the logits depend on the size of the batch by no more than rounding."""
    name = subject.classifier.name
    for size in SIZES:
        rows = subject.classifier.logits(subject.image.expand(size, *subject.image.shape))
        for number, row in enumerate(rows):
            if not subject.classifier.same(subject.logits, row):
                change = float((row - subject.logits).abs().max())
                raise ModelError(
                    f"{name} says something else of image {number + 1} of {size} equal ones than of one alone (its "
                    f"logits differ by {change:.2g}); make its code independent of the batch, or use batch size 1"
                )
    worst = float((rows - subject.logits).abs().max())
    return "holds", f"in a batch of {SIZES[-1]} the logits change by {worst:.1e}"


def check_input(subject: Subject) -> Found:
    """Whether the network leaves its input as it is."""
    normalised = subject.classifier.normalise(subject.image[None])
    before = normalised.clone()
    with torch.no_grad():
        subject.classifier.call(normalised)
    change = float((normalised - before).abs().max())
    if change > 0:
        return "noted", (
            f"its input changes in place, by up to {change:.2g}: methods give it a copy, but your own tensor is lost; "
            "begin its forward with x = x.clone()"
        )
    return "holds", "its input is the same afterwards"


def check_gradients(subject: Subject) -> Found:
    """Whether the top class's logit has a gradient that is finite, not 0, and the slope of what is computed."""
    gradient, value = logit_gradient(subject.classifier, subject.image, subject.target)
    if not bool(torch.isfinite(gradient).all()):
        share = float((~torch.isfinite(gradient)).float().mean())
        raise NotApplicableError(
            f"the gradient of {subject.classifier.name} is NaN or infinite in {100 * share:.1f} % of the pixels (a "
            "root or a norm at 0?); add a small number inside, or choose a method that needs none, such as 'occlusion'"
        )
    largest = float(gradient.abs().max())
    if largest == 0:
        return "noted", "the gradient is 0 everywhere: no gradient method can tell pixels apart; choose 'occlusion'"
    told = f"finite; the largest is {largest:.2g}"
    if subject.classifier.dtype.itemsize < 4:  # a difference that small would be rounding
        return "holds", told
    ratio = slope_found(subject.classifier, subject.image, subject.target, gradient, value)
    if not is_slope(ratio):
        return "noted", (
            f"{told}, but along it the logit rises {ratio:.2g} times as steeply as it says: the network's gradient is "
            "not that of what it computes (detach, rounding, or a backward pass of its own?); compare with 'occlusion'"
        )
    return "holds", f"{told}; along it the logit rises {ratio:.2g} times as steeply as it says"


def check_followed(subject: Subject) -> Found:
    """Whether Activation–Deactivation changes nothing where nothing is hidden, and what it hides has no effect."""
    masked = subject.masked
    whole = float((masked(torch.ones(1, *masked.shape))[0] - subject.logits).abs().max())
    hidden = check_unseen(subject.classifier, subject.image, masked.forward)
    return "holds", f"with nothing hidden the logits change by {whole:.1e}, with other hidden pixels by {hidden:.1e}"


_AXES = {
    1: (("length", "samples"),),
    2: (("height", "rows"), ("width", "columns")),
    3: (("depth", "slices"), ("height", "rows"), ("width", "columns")),
}
"""Of each axis its length, and what lies along it."""


def check_map(subject: Subject) -> Found:
    """Whether the photograph's positions can be followed to the last feature maps, and whether these are all.

    A network that has none is no worse for it: only class activation maps are not for it.
    """
    try:
        features = last_features(subject.masked, subject.target)
    except NotApplicableError as error:
        return "noted", f"no class activation map: {error}"
    shapes = ["×".join(map(str, one.activations.shape)) for one in features.maps]
    laid = [one.cells.laid(torch.ones(one.activations.shape[1:]), smooth=False) for one in features.maps]
    lines = torch.stack(laid).sum(0).nonzero().T
    axes = _AXES[len(lines)]
    within = " and ".join(
        f"{several} {int(line.min())} to {int(line.max())}" for (_, several), line in zip(axes, lines, strict=True)
    )
    form = " × ".join(["channels", *(name for name, _ in axes)])
    told = f"{' + '.join(shapes)} ({form}) after {features.layer}, on {within}"
    if features.beside > LITTLE:
        return "noted", (
            f"{told}; {100 * features.beside:.0f} % of the score passes beside, which no class activation map shows: "
            "compare with 'occlusion'"
        )
    return "holds", f"{told}; {100 * features.beside:.2g} % of the score passes beside"


def check_optimised(subject: Subject) -> Found:
    """See :meth:`~unseen.Classifier.optimised`."""
    if subject.classifier.is_optimised:
        return "holds", "it is one"
    return "holds", _difference(subject, subject.classifier.optimised())


def check_onnx(subject: Subject) -> Found:
    """See :meth:`~unseen.Classifier.accelerated`."""
    with tempfile.TemporaryDirectory() as folder:
        return "holds", _difference(subject, subject.classifier.accelerated(folder))


def _difference(subject: Subject, other: Classifier) -> str:
    change = float((other.logits(subject.image[None])[0] - subject.logits).abs().max())
    return f"its logits differ by {change:.1e}"


def check_threads(subject: Subject) -> Found:
    """Whether two threads that ask at once are told what one is told."""
    classifier, name = subject.classifier, subject.classifier.name
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda _: classifier.logits(subject.image[None])[0], range(4)))
    change = max(float((logits - subject.logits).abs().max()) for logits in told)
    if not all(classifier.same(subject.logits, logits) for logits in told):
        raise ModelError(
            f"{name} says something else when it is asked in another thread (its logits differ by {change:.2g}): it "
            "keeps something per thread; explain from the thread that made it, one photograph after the other"
        )
    return "holds", f"four answers of two threads differ by {change:.1e}"


def check_left(subject: Subject) -> Found:
    """Whether the network is, after all of this, as it was found."""
    before, after = subject.before, as_found(subject.classifier)
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        return "fails", (
            f"it is not as it was found: {', '.join(changed[:3])}{more} changed, by its own code; let that happen in "
            "training only (if self.training: …)"
        )
    return "holds", f"{len(after)} values, flags and hooks are the same"


@dataclass(frozen=True)
class Check:
    """What is asked of every model.

    Attributes:
        name: for people.
        ask: asks it, and raises what a method would raise.
        needs: names of the checks without which it says nothing.
        slow: whether it is made on request only.
    """

    name: str
    ask: Callable[[Subject], Found]
    needs: tuple[str, ...] = ()
    slow: bool = False


_ANSWER = ("form", "labels", "finite")
_FOLLOWED = (*_ANSWER, "repeatable", "neighbours", "ad: followed")

CHECKS = (
    Check("photograph", check_photograph),
    Check("precision", check_precision),
    Check("form", check_form),
    Check("labels", check_names, ("form",)),
    Check("finite", check_numbers, ("form",)),
    Check("logits", check_scale, _ANSWER),
    Check("repeatable", check_twice, _ANSWER),
    Check("decision", check_decision, _ANSWER),
    Check("neighbours", check_neighbours, (*_ANSWER, "repeatable")),
    Check("batch size", check_batches, (*_ANSWER, "repeatable", "neighbours")),
    Check("threads", check_threads, (*_ANSWER, "repeatable")),
    Check("input kept", check_input, _ANSWER),
    Check("grey picture", check_grey, _ANSWER),
    Check("gradients", check_gradients, (*_ANSWER, "repeatable")),
    Check("ad: followed", check_followed, (*_ANSWER, "repeatable", "neighbours")),
    Check("ad: all hidden", check_nothing, _FOLLOWED),
    Check("feature map", check_map, (*_FOLLOWED, "gradients")),
    Check("optimised copy", check_optimised, (*_ANSWER, "repeatable")),
    Check("ONNX copy", check_onnx, (*_ANSWER, "repeatable"), slow=True),
    Check("left as found", check_left),
)
"""In the order in which they are made."""
