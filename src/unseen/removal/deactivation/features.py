"""A network's feature maps in which the photograph's positions are still apart: found, captured, the last one replaced.

The positions are followed through the network as by Activation–Deactivation with nothing hidden, so that the map is
found in any network that it follows: convolutional, channels last, or with the tokens of a transformer, whose places in
the photograph are known from how the network made them. Where the classifier sees a part only
(:mod:`unseen.removal.deactivation.masked_model`), its own pass is looked at, and maps are 0 where it is switched off.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from unseen.classifier import Classifier
from unseen.classifier.differentiation import differentiated
from unseen.classifier.intercepting import Function, calling_module, name_of, names_of
from unseen.classifier.scores import Score, check_score, score_of
from unseen.errors import NotApplicableError
from unseen.removal.deactivation.activation import ActivationDeactivation
from unseen.removal.deactivation.interception import Interception, Watch
from unseen.removal.deactivation.masked_model import PartlySighted
from unseen.removal.deactivation.places import Positions
from unseen.removal.masked import MaskedClassifier

_KEPT = 128
_NO_MAP = ("no class activation map", "choose another method, such as 'integrated-gradients'")
_NO_ATTENTION = ("no spatial attention", "do without (beta=1), or take it from another network")
_FRAMES = frozenset(["pad", "zero_pad2d"])
"""Functions that put a frame around a map, which is no map of its own."""
_PROJECTIONS = frozenset([F.linear, torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, torch.einsum])
"""Functions whose output is no feature map of its own: queries, keys and values are linear images of one."""


@dataclass(frozen=True, eq=False)
class Features:
    """The last feature map of a photograph, and how the score depends on it.

    Attributes:
        layer: where the network makes it, in words.
        activations: float32, shape (C, h, w).
        gradients: of the score with respect to them, float32, shape (C, h, w).
        active: where nothing is switched off, shape (C, h, w); both are 0 elsewhere.
        value: the score.
        number: of the map among all that the network makes.
        masked: the classifier and its photograph.
        target: class index.
        score: ``logit`` or ``probability``.
    """

    layer: str
    activations: Float[Tensor, "C h w"]
    gradients: Float[Tensor, "C h w"]
    active: Bool[Tensor, "C h w"]
    value: float
    number: int
    masked: MaskedClassifier
    target: int
    score: Score

    def scores(self, factors: Callable[[int, int], Float[Tensor, "N C"]], count: int) -> Iterator[Float[Tensor, " N"]]:
        """The scores when every channel of the map is multiplied by a factor, a batch of passes at a time.

        Args:
            factors: of the passes from one number up to another.
            count: how many passes.
        """
        watched = _watched(self.masked.classifier, self.masked.image, _NO_MAP)
        image = self.masked.image[None].to(self.masked.classifier.device)

        @torch.no_grad()  # here, for a generator decorated as a whole is no more than its creation to other decorators
        def evaluate(first: int, last: int) -> Tensor:
            some = factors(first, last)
            made = 0

            def watch(run: Interception, func: Function, output: Tensor) -> Tensor | None:
                nonlocal made
                del func
                made += 1
                return _scaled(run, output, some) if made - 1 == self.number else None

            logits = watched(image.expand(last - first, -1, -1, -1), watch).cpu()
            return score_of(logits, self.score)[:, self.target]

        yield from self.masked.in_batches(count, evaluate)


def last_features(masked: MaskedClassifier, target: int, *, score: Score = "logit") -> Features:
    """The last feature map with positions on which the score depends, its gradients, and its name; one pass.

    In a network that judges by a class token it lies before the last attention, for what comes after it at the
    patches' places no longer matters.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        score: ``logit`` or ``probability``.

    Raises:
        NotApplicableError: positions cannot be followed through the network, or the score depends on no feature map.
    """
    check_score(score)

    def compute() -> _Captured:
        (found,) = masked.in_batches(1, lambda *_: _captured(masked, target, score))
        return found

    # What is kept must not name who keeps it: the cycle would hold every tensor until the collector runs.
    return Features(*masked.once(("last features", target, score), compute), masked, target, score)


_Captured = tuple[str, Tensor, Tensor, Tensor, float, int]
"""The first fields of :class:`Features`."""


@dataclass
class _Recorder:
    """Keeps the last feature maps that a network makes."""

    names: Mapping[int, str]
    run: Interception | None = None
    made: int = 0
    kept: OrderedDict[int, tuple[int, str, Tensor]] = field(default_factory=OrderedDict)

    def __call__(self, run: Interception, func: Function, output: Tensor) -> None:
        number, self.made, self.run = self.made, self.made + 1, run
        self.kept.pop(id(output), None)  # changed in place: known by what it is now
        if func in _PROJECTIONS or not output.requires_grad or len(output) != 1:
            return
        module, name = calling_module(self.names), name_of(func).rpartition(".")[2].strip("_")
        self.kept[id(output)] = number, f"{module} ({name})" if module else name, output
        if len(self.kept) > _KEPT:
            self.kept.popitem(last=False)


def _captured(masked: MaskedClassifier, target: int, score: Score) -> _Captured:
    classifier = masked.classifier
    watched = _watched(classifier, masked.image, _NO_MAP)
    image = masked.image[None].to(classifier.device).detach().requires_grad_()
    recorder = _Recorder(names_of(classifier.model))
    with classifier.frozen(), torch.enable_grad():
        logits = watched(image, recorder)
        value = score_of(logits, score)[0, target]
        run, records = recorder.run, [*recorder.kept.values()]
        gradients = differentiated(classifier, value, [tensor for *_, tensor in records])
    for (number, layer, tensor), slopes in reversed([*zip(records, gradients, strict=True)]):
        positions = None if run is None else run.positions(tensor)
        if positions is None:
            continue
        assert run is not None
        maps = _seen(run, torch.stack([tensor.detach()[0], slopes[0], torch.ones_like(slopes[0])]), positions)
        if maps is not None and bool(maps[1].any()):
            activations, gradient, on = maps.float().cpu()
            return layer, activations, gradient, on > 0, float(value.detach()), number
    lack, remedy = _NO_MAP
    raise NotApplicableError(
        f"{lack}: the score of {classifier.name} depends on none of its last feature maps; {remedy}"
    )


def as_map(tensors: Tensor, positions: Positions, count: int) -> Float[Tensor, "N C h w"] | None:
    """Tensors that all have these positions as maps of channels; ``None`` if they are none.

    They are none if they have other axes than channels, or positions of no rectangle.

    Tokens that belong to no position, such as a class token, are left out. Where only every other row and column of
    positions is left, these are the map.
    """
    held = sorted(positions.held_by(tensors.ndim, count))
    free = [axis for axis in range(1 - tensors.ndim, 0) if axis not in held]
    if len(free) != 1 or not held:
        return None
    order = [0, *(axis % tensors.ndim for axis in (*held, *free))]
    places = positions.index(tensors.ndim, count).permute(order)[0].flatten(0, -2)
    if places.shape[-1] != 1:
        return None
    ordered, where = places[:, 0].cpu().sort()
    inside = ordered >= 0
    width = positions.grid.size[1]
    rows, columns = (torch.unique(axis) for axis in (ordered[inside] // width, ordered[inside] % width))
    if not torch.equal(ordered[inside], (rows[:, None] * width + columns).flatten()):
        return None
    values = tensors.permute(order).flatten(1, -2)[:, where[inside].to(tensors.device)]
    return values.transpose(1, 2).reshape(len(tensors), -1, len(rows), len(columns))


def _seen(run: Interception, tensors: Tensor, positions: Positions) -> Float[Tensor, "N C h w"] | None:
    """:func:`as_map` with zeros at what is switched off."""
    return as_map(run.switched_off(tensors, positions), positions, run.count)


def _scaled(run: Interception, tensor: Tensor, factors: Tensor) -> Tensor:
    """The tensor with its channels multiplied, where it has positions."""
    positions = run.positions(tensor)
    assert positions is not None
    index = positions.index(tensor.ndim, run.count)
    (free,) = set(range(1 - tensor.ndim, 0)) - positions.held_by(tensor.ndim, run.count)
    shape = [1] * tensor.ndim
    shape[0], shape[free] = factors.shape
    by = factors.to(tensor.device, tensor.dtype).reshape(shape)
    return tensor * torch.where(index >= 0, by, torch.ones_like(by))


def following(
    classifier: Classifier, image: Float[Tensor, "3 H W"], number: int
) -> Callable[[Float[Tensor, "N 3 H W"]], tuple[Float[Tensor, "N K"], Float[Tensor, "N C h w"]]]:
    """Differentiable passes of photographs like ``image`` that give the logits and one feature map.

    Args:
        classifier: any network whose positions can be followed.
        image: at the network's resolution, in [0, 1].
        number: the map's, of :class:`Features`.

    Raises:
        NotApplicableError: positions cannot be followed through the network.
    """
    watched = _watched(classifier, image, _NO_MAP)

    def passed(pixels: Tensor) -> tuple[Tensor, Tensor]:
        made = 0
        kept: list[tuple[Interception, Tensor]] = []

        def watch(run: Interception, func: Function, output: Tensor) -> None:
            nonlocal made
            del func
            if made == number:
                kept.append((run, output))
            made += 1

        logits = watched(pixels, watch)
        ((run, tensor),) = kept
        positions = run.positions(tensor)
        maps = None if positions is None else _seen(run, tensor, positions)
        if maps is None or len(maps) != len(pixels):
            raise NotApplicableError(f"{_NO_MAP[0]}: the last feature map of {classifier.name} mixes photographs")
        return logits, maps

    return passed


def feature_levels(
    classifier: Classifier, image: Float[Tensor, "3 H W"], *, most: int = 4
) -> list[Float[Tensor, "_ _ _"]]:
    """Feature maps of several resolutions or depths, finest first, each of shape (C, h, w), float32; one pass.

    Of each of the ``most`` coarsest resolutions the last map is taken. A network with fewer resolutions, such as a
    vision transformer, adds maps of the coarsest at depths evenly apart.

    Args:
        classifier: any network whose positions can be followed.
        image: at the network's resolution, in [0, 1].
        most: how many maps at most.

    Raises:
        NotApplicableError: positions cannot be followed through the network, or it has no feature map.
    """
    kept: dict[int, Tensor] = {}
    runs: list[Interception] = []

    def watch(run: Interception, func: Function, output: Tensor) -> None:
        runs[:] = [run]
        kept.pop(id(output), None)  # changed in place: it belongs where it was changed last
        if func not in _PROJECTIONS and func.__name__ not in _FRAMES and len(output) == 1:
            kept[id(output)] = output

    with torch.no_grad():
        _watched(classifier, image, _NO_ATTENTION)(image[None].to(classifier.device), watch)
    by_size: dict[tuple[int, int], list[Tensor]] = {}
    for tensor in kept.values():
        positions = runs[0].positions(tensor)
        found = _seen(runs[0], tensor, positions) if positions is not None else None
        if found is not None and found.shape[2] < image.shape[1] and min(found.shape[2:]) > 1:
            by_size.setdefault((found.shape[2], found.shape[3]), []).append(found[0])
    if not by_size:
        lack, remedy = _NO_ATTENTION
        raise NotApplicableError(f"{lack}: {classifier.name} has no feature map with positions; {remedy}")
    coarsest = sorted(by_size)[:most]
    deep = by_size[coarsest[0]]
    missing = most - len(coarsest)
    depths = sorted({len(deep) * number // (missing + 1) for number in range(1, missing + 1)} - {len(deep) - 1})
    levels = [*(by_size[size][-1] for size in reversed(coarsest[1:])), *(deep[depth] for depth in depths), deep[-1]]
    return [level.float().cpu() for level in levels]


def _watched(
    classifier: Classifier, image: Float[Tensor, "3 H W"], otherwise: tuple[str, str]
) -> Callable[[Tensor, Watch], Tensor]:
    try:
        if isinstance(classifier.model, PartlySighted):
            return classifier.model.watched(image)
        return ActivationDeactivation().watched(classifier, image)
    except NotApplicableError as error:
        reason = str(error).partition(";")[0].replace("ad cannot follow", "the positions are lost in")
        raise NotApplicableError(f"{otherwise[0]}: {reason}; {otherwise[1]}") from None
