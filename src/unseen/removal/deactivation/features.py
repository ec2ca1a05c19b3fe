"""A network's feature maps in which the photograph's positions are still apart: found, captured, the last ones changed.

The positions are followed through the network as by Activation–Deactivation with nothing hidden, so that maps are found
in any network that it follows: convolutional, channels last, or with the tokens of a transformer, whose places in the
photograph are known from how the network made them. A network that flips, crops, turns or copies its input, or joins
several networks, has its maps where they lie on the photograph. Where the classifier sees a part only
(:mod:`unseen.removal.deactivation.masked_model`), its own pass is looked at, and maps are 0 where it is switched off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.intercepting import Function, names_of
from unseen.classifier.scores import Score, Scores, target_score
from unseen.errors import NotApplicableError
from unseen.removal.deactivation.activation import ActivationDeactivation
from unseen.removal.deactivation.cells import Cells, cells_of, copies
from unseen.removal.deactivation.final_maps import Final, Recorder, final_maps
from unseen.removal.deactivation.interception import Interception, Watch
from unseen.removal.deactivation.masked_model import MaskedModel
from unseen.removal.deactivation.pointwise import is_in_place
from unseen.removal.masked import MaskedClassifier

NO_MAP = (
    "no class activation map",
    "choose another method, such as 'integrated-gradients', or 'occlusion', which needs no gradients",
)


LITTLE = 0.01
"""The share of the score that may pass beside the last feature maps without a note."""


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """One of the last feature maps of a photograph, and how the score depends on it.

    Attributes:
        layer: where the network makes it, in words.
        activations: float32, shape (C, h, w).
        gradients: of the score with respect to them, the other maps held constant, float32, shape (C, h, w).
        active: where nothing is switched off, shape (C, h, w); both are 0 elsewhere.
        cells: where they lie on the photograph.
        number: of the tensor among all that the network makes.
        copy: which of its rows, where the network puts several looks at a photograph into one batch.
    """

    layer: str
    activations: Float[Tensor, "C *size"]
    gradients: Float[Tensor, "C *size"]
    active: Bool[Tensor, "C *size"]
    cells: Cells
    number: int
    copy: int

    @property
    def axes(self) -> tuple[int, ...]:
        """Those of the positions."""
        return tuple(range(1, self.activations.ndim))


@dataclass(frozen=True, eq=False)
class _Found:
    maps: tuple[FeatureMap, ...]
    value: float
    beside: float


@dataclass(frozen=True, eq=False)
class Features:
    """The last feature maps of a photograph: one, or as many as ways lead from it to the score.

    Attributes:
        maps: in the order in which the network makes them.
        value: the score.
        beside: how much of what the photograph adds to the score passes beside the maps, in [0, 1]: through a class
            token, or features that were never a map. Measured by a picture of the mean colour, with and without the
            photograph's maps in the place of its own.
        masked: the classifier and its photograph.
        target: class index.
        score: ``logit`` or ``probability``.
    """

    maps: tuple[FeatureMap, ...]
    value: float
    beside: float
    masked: MaskedClassifier
    target: int
    score: Score

    @property
    def channels(self) -> int:
        """Of all maps together."""
        return sum(len(one.activations) for one in self.maps)

    @property
    def layer(self) -> str:
        """Where the network makes the maps, in words."""
        return " + ".join(dict.fromkeys(one.layer for one in self.maps))

    def by_map(self, values: Shaped[Tensor, " C"]) -> list[Shaped[Tensor, " _"]]:
        """One value for each channel of all maps, as one tensor a map."""
        ends = [0]
        for one in self.maps:
            ends.append(ends[-1] + len(one.activations))
        return [values[start:end] for start, end in pairwise(ends)]

    def on_photograph(self, planes: Sequence[Float[Tensor, "..."]]) -> Float[Tensor, "*space"]:
        """One plane for each map, added up on the photograph, enlarged bilinearly; 0 where no map shows anything."""
        laid = [one.cells.laid(plane) for one, plane in zip(self.maps, planes, strict=True)]
        return torch.stack(laid).sum(0)

    def scores(self, factors: Callable[[int, int], Float[Tensor, "N C"]], count: int) -> Scores:
        """The scores when every channel of the maps is multiplied by a factor, T = 1.

        Args:
            factors: of the passes from one number up to another, for the channels of one map after the other.
            count: how many passes.
        """
        watched = watched_passes(self.masked.classifier, self.masked.image, NO_MAP)
        image = self.masked.image[None].to(self.masked.classifier.device)
        shares = self.by_map(torch.arange(self.channels))
        channels = {(one.number, one.copy): share for one, share in zip(self.maps, shares, strict=True)}
        numbers = {one.number for one in self.maps}

        @torch.no_grad()
        def evaluate(first: int, last: int) -> Scores:
            some = factors(first, last)
            made = 0

            def watch(run: Interception, func: Function, operands: Sequence[Tensor], output: Tensor) -> Tensor | None:
                nonlocal made
                del operands
                number, made = made, made + 1
                if number not in numbers:
                    return None
                return _instead(func, output, _scaled(run, output, number, some, channels))

            logits = watched(image.expand(last - first, *image.shape[1:]), watch)
            return Scores.of(self.masked.classifier, logits, [self.target], self.score)

        return Scores.joined(self.masked.in_batches(count, evaluate))


def last_features(masked: MaskedClassifier, target: int, *, score: Score = "logit") -> Features:
    """The last feature maps with positions on which the score depends, their gradients, and their names.

    One pass with gradients; two more where something may pass beside the maps.

    In a network that judges by a class token they lie before the last attention, for what comes after it at the
    patches' places no longer matters.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        score: ``logit`` or ``probability``.

    Raises:
        NotApplicableError: positions cannot be followed through the network, or the score depends on no feature map
            whose place on the photograph is known.
    """

    def compute() -> _Found:
        (found,) = masked.in_batches(1, lambda *_: _captured(masked, target, score))
        maps, value, kept = found
        beside = _beside(masked, target, score, value, kept) if kept else 0.0
        return _Found(maps, value, beside)

    found = masked.cached(("last features", target, score), compute)
    return Features(found.maps, found.value, found.beside, masked, target, score)


def _captured(
    masked: MaskedClassifier, target: int, score: Score
) -> tuple[tuple[FeatureMap, ...], float, dict[int, Tensor]]:
    """The maps, the score, and, where something may pass beside them, their tensors by number."""
    classifier = masked.classifier
    watched = watched_passes(classifier, masked.image, NO_MAP)
    image = masked.image[None].to(classifier.device).detach().requires_grad_()
    recorder = Recorder(names_of(classifier.model))
    try:
        with classifier.frozen(), torch.enable_grad():
            value = target_score(classifier.outputs, watched(image, recorder), target, score)[0]
            final, beside = final_maps(classifier, value, image, recorder)
        maps = tuple(found for one in final for found in _maps(recorder, one))
    finally:
        recorder.run = None  # it knows the recorder, and all tensors would live on together
    if not maps:
        lack, remedy = NO_MAP
        raise NotApplicableError(
            f"{lack}: the score of {classifier.name} depends on none of its last feature maps, or they join different "
            f"places of the photograph at one position; {remedy}"
        )
    kept = {one.made.number: one.made.tensor.detach() for one in final} if beside else {}
    return maps, float(value.detach()), kept


def _maps(recorder: Recorder, one: Final) -> Iterator[FeatureMap]:
    """Those rows of a tensor that matter."""
    tensor, run = one.made.tensor.detach(), recorder.run
    positions = recorder.positions(one.made.tensor)
    assert positions is not None
    assert run is not None
    assert one.made.cells is not None
    values = [run.switched_off(each.clone(), positions) for each in (tensor, one.gradient, torch.ones_like(tensor))]
    _, ranks = copies(positions)
    for row, cells in enumerate(one.made.cells):
        activations, gradient, on = cells.of(torch.stack([each[row] for each in values])).float().cpu()
        if bool(gradient.any()):
            yield FeatureMap(one.made.layer, activations, gradient, on > 0, cells, one.made.number, ranks[row])


def _beside(masked: MaskedClassifier, target: int, score: Score, value: float, kept: dict[int, Tensor]) -> float:
    """How much of what the photograph adds to the score passes beside the maps; see :class:`Features`."""
    classifier = masked.classifier
    watched = watched_passes(classifier, masked.image, NO_MAP)
    empty = classifier.statistics[0].to(masked.image.dtype).expand(masked.image.shape)[None]

    @torch.no_grad()
    def asked(implanted: bool) -> float:
        made = 0

        def watch(run: Interception, func: Function, operands: Sequence[Tensor], output: Tensor) -> Tensor | None:
            nonlocal made
            del operands
            number, made = made, made + 1
            positions = run.positions(output) if implanted and number in kept else None
            if positions is None:
                return None
            there = positions.index(output.ndim) >= 0
            return _instead(func, output, torch.where(there, kept[number].to(output), output))

        return float(target_score(classifier.outputs, watched(empty, watch), target, score)[0])

    batches = masked.in_batches(2, lambda first, last: [asked(number > 0) for number in range(first, last)])
    alone, beneath = (found for batch in batches for found in batch)
    rest, through = abs(value - beneath), abs(beneath - alone)
    return rest / (rest + through) if rest > 1e-6 * max(abs(value), through) else 0.0


def _scaled(
    run: Interception, tensor: Tensor, number: int, factors: Tensor, channels: dict[tuple[int, int], Tensor]
) -> Tensor:
    """The tensor with its channels multiplied, where it has positions."""
    positions = run.positions(tensor)
    assert positions is not None
    index = positions.index(tensor.ndim)
    (free,) = set(range(1 - tensor.ndim, 0)) - positions.held_by(tensor.ndim)
    rows = factors.new_ones(len(tensor), tensor.shape[free])
    for row, (photograph, copy) in enumerate(zip(*copies(positions), strict=True)):
        if (number, copy) in channels:
            rows[row] = factors[photograph, channels[number, copy]]
    shape = [1] * tensor.ndim
    shape[0], shape[free] = rows.shape
    by = rows.to(tensor.device, tensor.dtype).reshape(shape)
    return tensor * torch.where(index >= 0, by, torch.ones_like(by))


def _instead(func: Function, output: Tensor, other: Tensor) -> Tensor:
    """Another tensor in the place of an output; what was changed in place is changed once more."""
    return output.copy_(other) if is_in_place(func) else other


class Following:
    """Differentiable passes of photographs like one, which give the logits and the last feature maps.

    Args:
        classifier: any network whose positions can be followed.
        image: at the network's resolution, in [0, 1].
        maps: of that photograph, or of another.

    Raises:
        NotApplicableError: positions cannot be followed through the network.
    """

    def __init__(self, classifier: Classifier, image: Float[Tensor, "C *space"], maps: Sequence[FeatureMap]) -> None:
        self._watched = watched_passes(classifier, image, NO_MAP)
        self._maps, self._name = maps, classifier.name

    def by(self, classifier: Classifier, image: Float[Tensor, "C *space"]) -> Following:
        """The same features as another view of the network has them, such as one that sees a part."""
        return Following(classifier, image, self._maps)

    def __call__(self, pixels: Float[Tensor, "N C *space"]) -> tuple[Float[Tensor, "N K"], Float[Tensor, "N F"]]:
        """The logits, and all features of each photograph in a row, 0 where they are switched off."""
        made = 0
        kept: dict[tuple[int, int], Tensor] = {}
        numbers = {one.number for one in self._maps}

        def watch(run: Interception, func: Function, operands: Sequence[Tensor], output: Tensor) -> None:
            nonlocal made
            del func, operands
            if made in numbers:
                kept.update({(made, copy): rows for copy, rows in self._rows(run, output, len(pixels)).items()})
            made += 1

        logits = self._watched(pixels, watch)
        return logits, torch.cat([kept[one.number, one.copy].flatten(1) for one in self._maps], dim=1)

    def _rows(self, run: Interception, output: Tensor, count: int) -> dict[int, Tensor]:
        """The maps of each copy that the network makes of the photographs."""
        positions = run.positions(output)
        cells = None if positions is None else cells_of(output, positions)
        if positions is None or cells is None:
            raise NotApplicableError(f"{NO_MAP[0]}: the last feature maps of {self._name} change their form")
        values = output if positions.grid.full else run.switched_off(output.clone(), positions)
        photographs, ranks = copies(positions)
        found = {}
        for rank in sorted(set(ranks)):
            rows = sorted(
                (one, row) for row, (one, copy) in enumerate(zip(photographs, ranks, strict=True)) if copy == rank
            )
            if [one for one, _ in rows] != list(range(count)):
                raise NotApplicableError(f"{NO_MAP[0]}: the last feature maps of {self._name} mix photographs")
            found[rank] = cells[rows[0][1]].of(values[[row for _, row in rows]])
        return found

    def shares(self, planes: Float[Tensor, "N *space"]) -> Float[Tensor, "N F"]:
        """The mean of something on the photographs beneath the cell of each feature."""
        found = []
        for one in self._maps:
            shares = one.cells.shares(planes)[:, None]
            found.append(shares.expand(-1, len(one.activations), *shares.shape[2:]).flatten(1))
        return torch.cat(found, dim=1)


def watched_passes(
    classifier: Classifier, image: Float[Tensor, "C *space"], otherwise: tuple[str, str], *, written_out: bool = False
) -> Callable[[Tensor, Watch], Tensor]:
    """Passes of photographs like one, in which every tensor with positions is shown.

    Args:
        classifier: any network whose positions can be followed.
        image: at the network's resolution, in [0, 1].
        otherwise: what there is not, and the remedy, for the message.
        written_out: let attention take its steps one by one, so that its weights are tensors of the pass.

    Raises:
        NotApplicableError: positions cannot be followed through the network.
    """

    @contextmanager
    def in_these_words() -> Iterator[None]:
        try:
            yield
        except NotApplicableError as error:
            if str(error).startswith(otherwise[0]):
                raise
            reason = str(error).partition(";")[0].replace("ad cannot follow", "the positions are lost in")
            raise NotApplicableError(f"{otherwise[0]}: {reason}; {otherwise[1]}") from None

    with in_these_words():
        if isinstance(classifier.model, MaskedModel):
            passes = classifier.model.watched(image, written_out=written_out)
        else:
            passes = ActivationDeactivation().watched(classifier, image, written_out=written_out)

    def watched(pixels: Tensor, watch: Watch) -> Tensor:
        with in_these_words():
            return passes(pixels, watch)

    return watched
