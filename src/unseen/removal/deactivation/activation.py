"""Activation–Deactivation as a removal: the network runs as if the hidden part had never been there.

Source: Chanchal, Kelly & Chockler, *Activation-Deactivation: A General Framework for Robust Post-hoc Explainable AI*,
Definitions 3–5, Algorithm 1 (ConvAD) and Theorem 1. Neighbour fill with ``join="and"`` is layer masking
(Balasubramanian & Feizi, *Towards Improved Input Masking for Convolutional Neural Networks*, ICCV 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn

from unseen.classifier import Classifier
from unseen.classifier.backend import torch_alone
from unseen.classifier.black_box import refuse_closed
from unseen.classifier.borrowing import borrowed
from unseen.classifier.repeatability import another
from unseen.classifier.rounding import rounding
from unseen.errors import ModelError, NotApplicableError, UnseenError
from unseen.removal.deactivation.attention import ATTENTION_WRITTEN_OUT, MIXING_RULES, SCORE_RULES
from unseen.removal.deactivation.crop import STEP, around
from unseen.removal.deactivation.grid import Travel, Traveller, unconditional
from unseen.removal.deactivation.interception import Interception, Semantics, State, Watch
from unseen.removal.deactivation.layout import LAYOUT_RULES
from unseen.removal.deactivation.normalisation import NORMALISATION_RULES
from unseen.removal.deactivation.places import Layouts
from unseen.removal.deactivation.pointwise import POINTWISE_RULES
from unseen.removal.deactivation.tensor_table import TensorTable
from unseen.removal.deactivation.windows import WINDOW_RULES
from unseen.removal.masked import MaskedForward, Removal
from unseen.system.options import Meaning, Share
from unseen.system.spelling import spec

RULES = {**POINTWISE_RULES, **LAYOUT_RULES, **WINDOW_RULES, **MIXING_RULES, **NORMALISATION_RULES}


@dataclass(frozen=True)
class ActivationDeactivation(Removal):
    """Switch off the activations that depend on the hidden part; paint nothing.

    Works in any trained network of convolutions, attention or layers that mix tokens, untouched. With nothing hidden
    the logits are those of the plain network (Theorem 1), to the last bit where the same kernels compute the same batch
    in the same layout. Hidden pixels never reach the network: changing them changes nothing. Both are checked on the
    photograph, up to :func:`~unseen.classifier.rounding.rounding`, when a classifier is first bound.

    When masks travel ``dilating``, a position is on as soon as its window holds more than τ of positions that are on
    (the paper's rule): deep layers see everything that touches the visible part, which gives parts that survive on
    other backgrounds. ``pooled``, the mask at a layer is the photograph's mask at that layer's resolution: the network
    sees a true cut-out. A ``neighbour`` fill keeps more of the network's judgement when small pieces are hidden.

    Raises:
        ParameterError: τ outside [0, 1), or a value that is not a choice.
        NotApplicableError: (from :meth:`bind`) the network has an operation for which there is no sound rule.

    Example:
        >>> from unseen.removal.deactivation.activation import ActivationDeactivation
        >>> ActivationDeactivation().bind(classifier, photo)(square[None])  # as if there were nothing but red
        tensor([[25.,  0.,  0.]])
    """

    travel: Annotated[Travel, Meaning("how masks travel from layer to layer")] = "dilating"
    threshold: Annotated[
        float,
        Share(
            "τ, the part of a window that must be exceeded; 0 switches off only what is fully hidden",
            ends="[)",
        ),
    ] = 0.0
    fill: Annotated[
        Literal["zero", "neighbour"],
        Meaning("what a window sees at switched-off positions: nothing, or the mean of the neighbours that are on"),
    ] = "zero"
    pooling: Annotated[
        Literal["active", "all"],
        Meaning("the positions over which global and valid average pools take the mean; all is the paper's letter"),
    ] = "active"
    join: Annotated[
        Literal["or", "and"],
        Meaning("where branches meet, whether a position is on if it is on in any of them, or in all"),
    ] = "or"
    inside = True
    shared = True

    @property
    def name(self) -> str:
        """``ad`` with the options that differ from their defaults."""
        return spec("ad", self)

    def traveller(self, masks: Tensor, dtype: torch.dtype) -> Traveller:
        """What carries masks ``(N, *space)`` from layer to layer in one pass."""
        return Traveller(masks, self.travel, self.threshold, dtype)

    def forward(self, classifier: Classifier, image: Float[Tensor, "C *space"]) -> MaskedForward:
        """One intercepted pass; verified on this photograph when the classifier is new."""
        refuse_closed(classifier.model, "ad")
        known = _KNOWN.setdefault(classifier.origin, _Known())
        for tensor in _kept_tensors(classifier.model):
            known.constants[tensor] = State.CONSTANT

        @borrowed(classifier.model)
        def passed(
            pixels: Tensor,
            masks: Tensor,
            *,
            learning: bool = False,
            whole: bool | None = None,
            watch: Watch | None = None,
            written_out: bool = False,
        ) -> Tensor:
            inside = learning or watch is not None or written_out or whole is not None
            read, choose = not isinstance(classifier.outputs.watching(), nullcontext), classifier.backend.choice
            choice = None if inside else choose(classifier.model, self.name, self, recordable, read=read)
            boxes = None if (self not in known.cut if whole is None else whole) else around(masks)
            if boxes is not None and not (choice is not None and choice.pays(boxes.share(masks))):
                if choice is not None:
                    classifier.backend.stays(f"{self.name}, cut to boxes", "a box around little is faster there")
                choice, pixels, masks = None, boxes.of(pixels), boxes.of(masks)
            normalised, masks = classifier.normalise(pixels), masks.to(classifier.device, classifier.dtype)
            in_torch = partial(
                self._followed, classifier, known, learning=learning, watch=watch, written_out=written_out
            )
            output = in_torch(normalised, masks) if choice is None else choice.run(in_torch, normalised, masks)
            return classifier.check(output, len(pixels))

        def recordable(normalised: Tensor, masks: Tensor) -> object:
            with unconditional():
                return self._followed(classifier, known, normalised, masks)

        with classifier.evaluating(), torch_alone():
            if self not in known.verified:
                if not _holds_in_company(classifier, image, passed, known):
                    known.alone.add(self)
                check_unseen(classifier, image, passed, at_once=1 if self in known.alone else 2)
                alone = (self.travel, self.fill, self.pooling) == ("pooled", "zero", "active")
                mixing = not known.followed.isdisjoint(MIXING_RULES)  # attention may keep the size that it saw last
                if alone and not mixing and _can_be_cut(classifier, image, passed):
                    known.cut.add(self)
                known.verified.add(self)
        passed.alone = self in known.alone  # type: ignore[attr-defined]
        return passed

    def _followed(
        self,
        classifier: Classifier,
        known: _Known,
        normalised: Tensor,
        masks: Tensor,
        *,
        learning: bool = False,
        watch: Watch | None = None,
        written_out: bool = False,
    ) -> object:
        """What the network returns for normalised photographs under masks; they may be written into."""
        known.layouts.tidy()
        run = Interception(
            {**RULES, **ATTENTION_WRITTEN_OUT} if written_out else RULES,
            SCORE_RULES,
            self.traveller(masks, classifier.dtype),
            Semantics(self.pooling, self.join, self.fill),
            classifier.model,
            known.constants,
            known.layouts,
            learning=learning,
            literals=known.literals,
            watch=watch,
        )
        output = classifier.call(run.enter(normalised), run)
        known.followed |= run.followed
        if learning:
            known.unknown = run.unknown
        else:
            run.leave(output)
        return output

    def watched(
        self,
        classifier: Classifier,
        image: Float[Tensor, "C *space"],
        visible: Float[Tensor, "1 *space"] | None = None,
        *,
        written_out: bool = False,
    ) -> Callable[[Tensor, Watch], Tensor]:
        """Differentiable passes of photographs like ``image``, in which every feature map of the whole grid is shown.

        Args:
            classifier: whose feature maps.
            image: at the network's resolution, in [0, 1].
            visible: the mask of all of them; by default nothing is hidden, and the logits are the plain network's.
            written_out: let attention take its steps one by one, so that its weights are tensors of the pass.

        Returns:
            (pixels ``(N, C, *space)``, what to show them to) → logits (N, K). What is switched off may hold any values.

        Raises:
            NotApplicableError: the network has an operation in which positions cannot be followed.
        """
        passed = self.forward(classifier, image)

        def watched(pixels: Tensor, watch: Watch) -> Tensor:
            masks = pixels.new_ones(1, *pixels.shape[2:]) if visible is None else visible
            spread = masks.expand(len(pixels), *masks.shape[1:])
            return passed(pixels, spread, watch=watch, whole=True, written_out=written_out)  # type: ignore[call-arg]

        return watched


@dataclass
class _Known:
    """What is known of a classifier: constant tensors, layouts, functions that met positions, removals verified.

    Its literals are constants of unknown origin that were the same for two photographs; ``unknown`` is what the last
    learning pass met of them.
    """

    constants: TensorTable[State] = field(default_factory=TensorTable)
    layouts: Layouts = field(default_factory=Layouts)
    followed: set[Callable[..., object]] = field(default_factory=set)
    unknown: set[Hashable] = field(default_factory=set)
    literals: set[Hashable] = field(default_factory=set)
    verified: set[ActivationDeactivation] = field(default_factory=set)
    cut: set[ActivationDeactivation] = field(default_factory=set)
    """Those whose passes may run on a part of the photograph."""
    alone: set[ActivationDeactivation] = field(default_factory=set)
    """Those whose passes must see one photograph at a time."""


_KNOWN: WeakKeyDictionary[Classifier, _Known] = WeakKeyDictionary()


@torch.no_grad()
def _holds_in_company(classifier: Classifier, image: Tensor, passed: Callable[..., Tensor], known: _Known) -> bool:
    """Theorem 1 on this photograph: beside a half-hidden copy, the unhidden one gives the plain network's logits.

    Returns:
        False if it does so only alone.
    """
    pixels = image.to(classifier.device).expand(2, *image.shape)
    masks = torch.ones(2, *image.shape[1:], device=classifier.device, dtype=torch.float32)
    masks[1, ..., image.shape[-1] // 2 :] = 0
    expected = classifier.forward(pixels)[0]  # in a batch of as many: a kernel may go by their number
    passed(pixels, masks, learning=True)
    if known.unknown:
        met = known.unknown
        passed((pixels + 0.5) % 1, masks, learning=True)
        known.literals |= met & known.unknown
    try:
        got = passed(pixels, masks)[0]
    except ModelError as error:
        raise NotApplicableError(
            f"with half of the photograph switched off, {str(error).partition(';')[0]}, which the plain network does "
            "not (does it divide by what is switched off?); choose another removal"
        ) from error
    change, allowed = _change(classifier, got, expected)
    if change <= allowed:
        return True
    by_itself, _ = _change(classifier, passed(pixels[:1], masks[:1])[0], classifier.forward(pixels[:1])[0])
    if by_itself > allowed:
        raise NotApplicableError(
            f"ad changes the logits of {classifier.name} by {change:.2g} with nothing "
            "hidden; the network is not deterministic or depends on the other photographs of a batch: "
            "choose another removal"
        )
    return False


def _change(classifier: Classifier, got: Tensor, expected: Tensor) -> tuple[float, float]:
    """By how much logits differ, and by how much they may."""
    allowed = rounding(classifier.dtype, classifier.device) * max(1.0, float(expected.abs().max()))
    return float((got - expected).abs().max()), allowed


@torch.no_grad()
def check_unseen(
    classifier: Classifier, image: Float[Tensor, "C *space"], passed: MaskedForward, *, at_once: int = 2
) -> float:
    """See that pixels which are hidden are without effect, in either half of the photograph; four images.

    What a network computes past torch's functions, with NumPy or through raw memory, cannot be followed, and sees them.
    Logits are compared at the same place of batches of the same size, for a kernel may go by both.

    Args:
        classifier: the model.
        image: at its resolution.
        passed: a masked pass of it under ``ad``.
        at_once: images a pass, 1 or 2.

    Returns:
        By how much the logits change.

    Raises:
        NotApplicableError: by more than rounding.
    """
    half = torch.zeros(image.shape[1:], dtype=torch.bool, device=image.device)
    half[: len(half) // 2] = True
    other = another(image)
    pixels = torch.stack([image, image, torch.where(half, image, other), torch.where(half, other, image)])
    masks = torch.stack([half, ~half, half, ~half]).float()
    some = [torch.split(each.to(classifier.device), at_once) for each in (pixels, masks)]
    logits = torch.cat([passed(*pair) for pair in zip(*some, strict=True)])
    change, allowed = _change(classifier, logits[:2], logits[2:])
    if change > allowed:
        raise NotApplicableError(
            f"pixels that ad hides change the logits of {classifier.name} by {change:.2g}: its code takes them past "
            "torch's functions; let it compute with torch alone, or choose a removal that paints, such as 'blur'"
        )
    return change


@torch.no_grad()
def _can_be_cut(classifier: Classifier, image: Tensor, passed: Callable[..., Tensor]) -> bool:
    """Whether the network says the same of a part of this photograph when it runs on a box around it."""
    if image.ndim != 3 or min(image.shape[1:]) < 3 * STEP:
        return False
    side = 2 * STEP
    masks = torch.zeros(2, *image.shape[1:], device=classifier.device, dtype=torch.float32)
    masks[0, STEP : STEP + side, :side] = 1
    masks[1, -side:, -side - STEP : -STEP // 2] = (torch.arange(side)[:, None] + torch.arange(side + STEP // 2)) % 3 > 0
    pixels = image.to(classifier.device).expand(2, -1, -1, -1)
    if around(masks) is None:
        return False
    settings = [(module, _settings(module)) for module in classifier.model.modules()]
    try:
        same = classifier.same(passed(pixels, masks, whole=True), passed(pixels, masks, whole=False))
    except UnseenError:  # a network for images of one size
        same = False
    for module, before in settings:
        if _settings(module) != before:  # it remembers the size that it saw
            same = False
            vars(module).update(before)
    return same


def _settings(module: nn.Module) -> dict[str, object]:
    """A module's own attributes that are plain values."""
    plain = (int, float, str, tuple, type(None))
    return {name: value for name, value in vars(module).items() if isinstance(value, plain)}


def _kept_tensors(model: nn.Module) -> Iterator[Tensor]:
    """Parameters, buffers, and tensors in plain attributes, however nested."""
    seen: set[int] = set()
    waiting: list[object] = [vars(module) for module in model.modules()]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Tensor):
            yield item
        elif isinstance(item, (dict, list, tuple)) and id(item) not in seen:
            seen.add(id(item))
            waiting.extend(item.values() if isinstance(item, dict) else item)
