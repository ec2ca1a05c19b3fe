"""The one hot path: masks in, logits out, for one photograph under one removal.

Every explainer and every metric evaluates the model through a :class:`MaskedClassifier`; batching, memory
back-off, counting and progress live here and nowhere else.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, ClassVar, TypeVar, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.black_box import REMOVALS_THAT_PAINT, refuse_black_box
from unseen.classifier.borrowing import own_precision
from unseen.classifier.failures import out_of_memory
from unseen.classifier.fingerprint import revision
from unseen.classifier.repeatability import check_repeatable
from unseen.errors import ModelError, NotApplicableError, ParameterError
from unseen.inputs.geometry import Affine
from unseen.inputs.space import ANY, Space, check_axes
from unseen.removal.checks import check_channels, check_image, default_batch
from unseen.system.arguments import Integer, conform, integer
from unseen.system.options import Count, Options, check
from unseen.system.progress import ProgressListener

MaskedForward = Callable[[Tensor, Tensor], Tensor]
"""A differentiable pass on the network's device, from pixels ``(N, C, *space)`` and masks ``(N, *space)`` to logits.

It goes through :meth:`Classifier.forward`, or :meth:`Classifier.call` and :meth:`Classifier.check`. One that may fall
short has ``notes``, plain sentences that the reader of what came of it must know; one that holds for one photograph at
a time only has ``alone``, true.
"""

Masks = Float[Tensor, "N *space"] | Bool[Tensor, "N *space"]
BatchSize = Annotated[int, Count("how many masks a pass takes; by default the device decides")]

T = TypeVar("T")


class Removal(Options, ABC):
    """How a hidden part of a photograph is taken away from the model.

    A removal is a frozen dataclass whose fields are its parameters. It defines :meth:`forward`; :meth:`bind`
    turns it into the masked classifier that explainers and metrics use.

    Example:
        >>> from dataclasses import dataclass
        >>> from unseen.removal import Removal
        >>> @dataclass(frozen=True)
        ... class Dim(Removal):
        ...     name = "dim"
        ...     def forward(self, classifier, image):
        ...         return lambda pixels, masks: classifier.forward(pixels * (0.5 + 0.5 * masks[:, None]))
        >>> Dim().bind(classifier, photo)(torch.zeros(1, 32, 32))
        tensor([[3.1250, 2.3438, 2.3438]])
    """

    soft: ClassVar[bool] = False
    """Whether masks may take values between 0 (hidden) and 1 (visible)."""

    inside: ClassVar[bool] = False
    """Whether it needs more of the network than its answers: layers that it can follow, or gradients."""

    shared: ClassVar[bool] = False
    """Whether the pass that :meth:`forward` gives takes any photographs, not only the one that it was made for."""

    axes: ClassVar[tuple[int, ...]] = ANY
    """Along how many axes an input may extend for which it has a rule: 1 a signal, 2 an image, 3 a volume."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The spec that creates this removal from the registry."""

    @property
    def content(self) -> str:
        """A digest of what the files hold that the removal reads; empty where it reads none."""
        return ""

    @abstractmethod
    def forward(self, classifier: Classifier, image: Float[Tensor, "C *space"]) -> MaskedForward:
        """The masked pass of ``classifier`` for this photograph.

        Raises:
            NotApplicableError: the model has an operation for which this removal has no sound rule.
        """

    def painted(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> Float[Tensor, "N C *space"]:
        """The pictures that stand for photographs under masks, in pixel units, where a removal paints at all.

        Statistics of the normalised photograph may lie outside [0, 1].

        Raises:
            NotApplicableError: nothing is painted; what the network sees of the visible part is no picture.
        """
        del classifier, pixels, masks
        raise NotApplicableError(f"removal {self.name!r} paints nothing that could be shown; judge under one that does")

    @own_precision()
    def bind(
        self,
        classifier: Classifier,
        image: Float[Tensor, "C *space"],
        *,
        batch_size: Integer | None = None,
        progress: ProgressListener | None = None,
        geometry: Affine | None = None,
    ) -> MaskedClassifier:
        """Masks ``(N, *space)`` → logits (N, K) for this photograph; see :class:`MaskedClassifier`.

        Raises:
            ParameterError: the image is not ``(C, *space)``, float, finite and in [0, 1], or has other channels than
                the classifier prepares.
            ModelError: the model answers the same photograph differently.
            NotApplicableError: the model has an operation for which this removal has no sound rule, or is a black box
                and this removal looks inside; or there is no rule for a signal or a volume.
        """
        check_image(image)
        check_channels(classifier, image)
        self.check_axes(classifier.preprocessing.size)
        self.check_black_box(classifier)
        size = None if batch_size is None else integer("batch_size", batch_size)
        check_repeatable(classifier, image, alone=size == 1)
        return MaskedClassifier(classifier, image, self, size, progress, geometry)

    def check_axes(self, space: Space) -> None:
        """Refuse a signal or a volume, if this removal has no rule for it.

        Raises:
            NotApplicableError: it has none.
        """
        check_axes(f"removal {self.name!r}", self.axes, space, "choose a removal that has a rule, such as 'neighbour'")

    @property
    def paints(self) -> bool:
        """Whether :meth:`painted` gives pictures."""
        return type(self).painted is not Removal.painted

    def check_black_box(self, classifier: Classifier) -> None:
        """Refuse a model of which only the answers are known, if this removal needs more.

        Raises:
            NotApplicableError: it does.
        """
        if self.inside:
            refuse_black_box(classifier.model, classifier.name, f"removal {self.name!r}", REMOVALS_THAT_PAINT)

    def to_dict(self) -> dict[str, Any]:
        """Name and parameters, for provenance."""
        return {"name": self.name, **asdict(cast(Any, self))}


@dataclass(eq=False)
class MaskedClassifier:
    """A classifier that sees one photograph through masks.

    Calling it evaluates masks of shape ``(N, *space)``, 1 = visible, and returns logits (N, K) as float32 on the CPU.
    Batches are sized to a memory budget and halved when memory runs out; the results do not depend on it beyond
    floating-point rounding.

    Attributes:
        classifier: the model under explanation.
        image: the photograph at the model's input resolution, shape ``(C, *space)``, in [0, 1].
        removal: how hidden parts are taken away.
        batch_size: masks per pass as asked for; ``None`` lets the device decide.
        batch: masks per pass now; halved whenever memory runs out.
        pixels: the photograph on the network's device, shape ``(1, C, *space)``.
        progress: told of every batch.
        geometry: from pixels of the photograph's file to those of the model's input, where that is known.
        evaluations: masked images evaluated so far; not the few of a removal's own check when it is bound.
        seconds: wall-clock seconds spent inside the model so far.

    Example:
        >>> masked = ConstantFill("black").bind(classifier, photo)
        >>> masked(torch.stack([square, ~square])).argmax(1)  # all is red to whom the square alone is shown
        tensor([0, 0])
        >>> masked.evaluations
        2
    """

    classifier: Classifier
    image: Tensor
    removal: Removal
    batch_size: int | None = None
    progress: ProgressListener | None = None
    geometry: Affine | None = None
    evaluations: int = field(default=0, init=False)
    seconds: float = field(default=0.0, init=False)
    stage: str = field(default="evaluating", init=False)
    expected: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        conform(self)
        check("batch_size", self.batch_size, BatchSize | None)
        self.classifier = self.classifier.fixed_on(self.image)
        self.classifier.backend.renew(self.classifier.model)
        if self.image.is_inference():
            self.image = self.image.clone()
        self.forward: MaskedForward = self.removal.forward(self.classifier, self.image)
        if getattr(self.forward, "alone", False) and self.batch_size != 1:
            raise NotApplicableError(
                f"under {self.removal.name} {self.classifier.name} says something else of a photograph when others are "
                "in the batch; use batch size 1, or choose another removal"
            )
        self.batch = self.batch_size or default_batch(self.classifier)
        self.pixels = self.image.to(self.classifier.device)[None]
        self._known: dict[Hashable, tuple[Hashable, Any]] = {}
        self._notes: dict[str, None] = {}

    @property
    def shape(self) -> Space:
        """Of masks and saliency maps: (L,), ``space`` or ``(D, *space)``."""
        return tuple(self.image.shape[1:])

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader of all that came of it must know, such as how the removal fell short; plain sentences."""
        return tuple(dict.fromkeys([*getattr(self.forward, "notes", ()), *self._notes]))

    def note(self, sentence: str) -> None:
        """Add to :attr:`notes`, once."""
        self._notes[sentence] = None

    def announce(self, stage: str, expected: int | None = None) -> None:
        """Name the work that follows, and the evaluations that are done when it is over, where they can be counted.

        Args:
            stage: what the work is called.
            expected: evaluations of this masked classifier in all, those before it included, at most; ``None`` where
                the work decides. A number that turns out too small is withdrawn.
        """
        self.stage, self.expected = stage, expected
        self._report()

    @torch.no_grad()
    def __call__(self, masks: Masks) -> Float[Tensor, "N K"]:
        """Logits of the photograph under each mask, in order.

        Raises:
            ParameterError: no masks, or masks of another shape, outside [0, 1], or soft where the removal takes only
                0 and 1.
            ModelError: the model returned something else than finite logits, or one mask alone exceeds memory.
        """
        if not len(masks):
            raise ParameterError("no masks were given")
        self.check_masks(masks)

        def evaluate(first: int, last: int) -> Tensor:
            some = masks[first:last].to(self.classifier.device, torch.float32)
            return self.forward(self._pixels(len(some)), some).float().cpu()

        return torch.cat(list(self.in_batches(len(masks), evaluate)))

    @torch.no_grad()
    def painted(self, masks: Masks) -> Float[Tensor, "N C *space"]:
        """The photograph under each mask as a picture like it: same device and dtype, clamped to [0, 1].

        Raises:
            ParameterError: masks that are refused by :meth:`check_masks`.
            NotApplicableError: the removal paints nothing.
        """
        self.check_masks(masks)
        some = masks.to(self.classifier.device, self.pixels.dtype)
        pictures = self.removal.painted(self.classifier, self._pixels(len(some)), some)
        return pictures.clamp(0, 1).to(self.image)

    def _pixels(self, count: int) -> Float[Tensor, "N C *space"]:
        """The photograph so many times, without a copy."""
        return self.pixels.expand(count, *self.pixels.shape[1:])

    def in_batches(self, count: int, evaluate: Callable[[int, int], T]) -> Iterator[T]:
        """Evaluate ``count`` images in batches that fit into memory; they are counted, timed and reported.

        Methods that look inside the network, or need its gradients, evaluate through this; all others by masks.

        Args:
            count: how many images.
            evaluate: those from one number up to another, in one pass.

        Raises:
            ModelError: one image alone exceeds memory.
        """
        start = 0
        while start < count:
            size = min(self.batch, count - start)
            began = time.perf_counter()
            try:
                with own_precision():
                    result = evaluate(start, start + size)
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
            else:
                self.seconds += time.perf_counter() - began
                self.evaluations += size
                self._report()
                start += size
                yield result
                continue
            self._back_off(size)  # only here does nothing hold the failed pass's tensors any more

    def _back_off(self, tried: int) -> None:
        if tried == 1:
            raise ModelError(
                f"{self.classifier.name} runs out of memory on a single image; "
                "use a smaller model or input, or another device"
            )
        self.batch = tried // 2
        if self.classifier.device.type == "cuda":
            torch.cuda.empty_cache()

    def cached(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What ``compute`` gives, computed only when it is first asked for, or after the network's weights changed.

        So methods that need the same of a photograph, such as its gradient, share it.

        Args:
            key: what is asked for.
            compute: finds it.
        """
        state = revision(self.classifier.model)
        if key not in self._known or self._known[key][0] != state:
            self._known[key] = state, compute()
        return cast(T, self._known[key][1])

    @contextmanager
    def for_image(self, image: Float[Tensor, "C *space"]) -> Iterator[MaskedClassifier]:
        """Another photograph under the same removal, whose evaluations, seconds, progress and notes count here.

        Raises:
            ParameterError: see :meth:`Removal.bind`.
        """
        other = self.removal.bind(self.classifier.deciding(image), image, batch_size=self.batch, geometry=self.geometry)
        self.evaluations += self.classifier.outputs.relative  # what that asked
        counted = 0

        def count(done: int) -> None:
            nonlocal counted
            self.evaluations += done - counted
            counted = done

        def relay(stage: str, done: int, expected: int | None) -> None:
            del stage, expected
            count(done)
            self._report()

        other.progress = relay
        try:
            yield other
        finally:
            count(other.evaluations)
            for sentence in other.notes:
                self.note(sentence)
            self.seconds += other.seconds
            self.batch = min(self.batch, other.batch)

    def check_masks(self, masks: Tensor) -> None:
        """Refuse masks of another shape, outside [0, 1], or soft where the removal takes only 0 and 1.

        Raises:
            ParameterError: any of these.
        """
        if tuple(masks.shape[1:]) != self.shape:
            raise ParameterError(
                f"masks have shape {tuple(masks.shape)}; expected (N, {', '.join(map(str, self.shape))})"
            )
        if masks.dtype == torch.bool:
            return
        for some in torch.split(masks, self.batch):
            if not bool(((some >= 0) & (some <= 1)).all()):
                raise ParameterError("masks must lie in [0, 1]; 1 is visible, 0 is hidden")
            if not self.removal.soft and not bool(((some == 0) | (some == 1)).all()):
                raise ParameterError(
                    f"removal {self.removal.name!r} takes masks of 0 and 1 only; threshold yours first"
                )

    def _report(self) -> None:
        if self.progress is not None:
            exceeded = self.expected is not None and self.evaluations > self.expected
            self.progress(self.stage, self.evaluations, None if exceeded else self.expected)
