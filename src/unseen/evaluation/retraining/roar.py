"""ROAR and KAR: hide what a method calls important, or unimportant, in every photograph, and train anew.

Source: Hooker, Erhan, Kindermans & Kim, *A Benchmark for Interpretability Methods in Deep Neural Networks*, NeurIPS
2019. A hidden part is then no surprise to the network, for it was trained on photographs with hidden parts. What is
left to doubt is the mask itself: its shape may tell the class (Rong et al., *A Consistent and Efficient Evaluation
Strategy for Attribution Methods*, ICML 2022). That is measured here: networks are also trained on nothing but masks.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from unseen.classifier import Classifier
from unseen.errors import NotApplicableError, ParameterError
from unseen.evaluation.content import content_of
from unseen.evaluation.retraining.datasets import Dataset
from unseen.evaluation.retraining.journal import Journal
from unseen.evaluation.retraining.maps import HidingOrder, maps_of, masks_without, rankings
from unseen.evaluation.retraining.training import NetworkSeed, Training, accuracy, predicted, retrained
from unseen.evaluation.statistics import Interval, RepeatedVerdict, over_repeats, repeated_verdict
from unseen.explainers.catalogue import CONTROLS, METHODS
from unseen.explainers.method import Method
from unseen.removal import REMOVALS
from unseen.system.options import Count, Meaning, Options, Share
from unseen.system.progress import ProgressListener

Content = Literal["photographs", "masks"]
_PHOTOGRAPHS: Content = "photographs"
_MASKS: Content = "masks"

_PAINTED = 256  # photographs painted at a time

WHOLE = ""
"""Stands for the method of rows in which nothing is hidden."""


@dataclass(frozen=True)
class Accuracy:
    """The accuracy of one network.

    Attributes:
        method: spec; :data:`WHOLE` where nothing is hidden.
        share: of the pixels that are hidden.
        repeat: number of the network; its seed follows from it.
        content: what it was trained and tested on, photographs or nothing but masks.
        accuracy: share of the test photographs whose class is on top.
        seconds: that training and testing took.
    """

    method: str
    share: float
    repeat: int
    content: Content
    accuracy: float
    seconds: float

    def key(self) -> tuple[str, float, int, Content]:
        """Which network it is."""
        return self.method, self.share, self.repeat, self.content


@dataclass(frozen=True)
class Retrained:
    """What came of it.

    Attributes:
        metric: who measured.
        dataset: name of the photographs.
        rows: one a network.
        methods: specs, the controls last.
        failed: why a method has no rows: (spec, reason).
        counts: photographs trained on and tested on.
    """

    metric: RemoveAndRetrain
    dataset: str
    rows: tuple[Accuracy, ...]
    methods: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    counts: tuple[int, int]

    @property
    def shares(self) -> tuple[float, ...]:
        """That were hidden."""
        return self.metric.shares

    def accuracies(self, method: str, share: float, content: Content = "photographs") -> dict[int, float]:
        """Repeat → accuracy."""
        wanted = (method, share, content)
        found = {row.repeat: row.accuracy for row in self.rows if (row.method, row.share, row.content) == wanted}
        return {repeat: found[repeat] for repeat in range(self.metric.repeats) if repeat in found}

    @property
    def whole(self) -> Interval:
        """Accuracy with nothing hidden."""
        return over_repeats(list(self.accuracies(WHOLE, 0.0).values()))

    def areas(self, method: str) -> dict[int, float]:
        """Repeat → mean height of the curve of accuracy over the hidden share, from nothing to the largest share."""
        begun = self.accuracies(WHOLE, 0.0)
        curves = [begun, *(self.accuracies(method, share) for share in self.shares)]
        places = torch.tensor((0.0, *self.shares), dtype=torch.float64)
        complete = [repeat for repeat in begun if all(repeat in curve for curve in curves)]
        heights = {r: torch.tensor([curve[r] for curve in curves], dtype=torch.float64) for r in complete}
        return {r: float(torch.trapezoid(heights[r], places) / places[-1]) for r in complete}

    def leak(self, method: str) -> Interval | None:
        """Accuracy of networks that saw nothing but masks, the largest mean over the shares; ``None`` if not asked."""
        found = [self.accuracies(method, share, "masks") for share in self.shares]
        means = [over_repeats(list(of_share.values())) for of_share in found if of_share]
        return max(means, key=lambda one: one.value) if means else None

    def against(self, method: str) -> dict[str, RepeatedVerdict]:
        """Control → whether the method does better, worse, or cannot be told from it."""
        better: Literal["higher", "lower"] = "lower" if self.metric.order == "top" else "higher"
        own = self.areas(method)
        return {
            control: repeated_verdict(own, self.areas(control), better)
            for control in CONTROLS
            if control in self.methods and control != method
        }

    def to_dict(self, method: str) -> dict[str, Any]:
        """One method's results, ready for JSON."""
        areas, leak = over_repeats(list(self.areas(method).values())), self.leak(method)
        single = areas.n < 2
        return {
            "method": method,
            "area": areas.value,
            "interval": None if single else [areas.low, areas.high],
            "accuracies": {f"{s:g}": list(self.accuracies(method, s).values()) for s in self.shares},
            "whole": list(self.accuracies(WHOLE, 0.0).values()),
            "leak": leak.value if leak else None,
            "against": self.against(method),
        }


@dataclass(frozen=True)
class RemoveAndRetrain(Options):
    """ROAR (``order="top"``: lower accuracy is better) and KAR (``order="bottom"``: higher is better).

    One network is trained and explained, for the class that it says itself, so that no label of a test photograph is
    used. Pixels are ranked by the map as it is, signed and not smoothed; ties are broken at random.

    Raises:
        ParameterError: a parameter outside its range.

    Example:
        >>> from unseen.evaluation.retraining.datasets import Dataset
        >>> from unseen.evaluation.retraining.roar import RemoveAndRetrain
        >>> from unseen.evaluation.retraining.training import NetworkSeed, Training
        >>> labels = torch.arange(20) % 2  # ten red photographs, ten blue ones
        >>> images = torch.eye(3)[2 * labels].reshape(20, 3, 1, 1).expand(20, 3, 8, 8).contiguous()
        >>> dataset = Dataset("colours", images, labels, ("red", "blue"), torch.arange(12), torch.arange(12, 20))
        >>> metric = RemoveAndRetrain(repeats=2, shares=(0.5,), training=Training(epochs=2))
        >>> metric.run(dataset, ["edges"]).counts  # photographs trained on and tested on
        (12, 8)
    """

    order: Annotated[
        HidingOrder, Meaning("which pixels are hidden, those of the largest values or of the smallest")
    ] = "top"
    removal: Annotated[
        str, Meaning("how pixels are hidden, by a removal that paints; methods that hide parts use it, too")
    ] = "mean"
    repeats: Annotated[
        int, Count("how many networks are trained for each method and share; seeds are the same for every method")
    ] = 3
    leak: Annotated[bool, Meaning("whether networks are also trained on nothing but the masks")] = False
    seed: NetworkSeed = 0
    shares: Annotated[
        tuple[float, ...], Share("how many of the pixels are hidden, at least one share and increasing", ends="()")
    ] = (0.1, 0.3, 0.5, 0.7, 0.9)
    training: Annotated[Training, Meaning("how networks are trained")] = field(default_factory=Training)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.shares or list(self.shares) != sorted(set(self.shares)):
            raise ParameterError(f"shares {self.shares} must be at least one number, and increase")

    def run(
        self,
        dataset: Dataset,
        methods: Sequence[str],
        *,
        classifier: Classifier | None = None,
        device: torch.device | str = "cpu",
        out: Path | None = None,
        progress: ProgressListener | None = None,
    ) -> Retrained:
        """Judge methods, and the controls with them.

        Args:
            dataset: to train and to test on.
            methods: specs.
            classifier: that is explained, trained by yourself for these classes and this size; by default a
                :class:`~unseen.evaluation.retraining.network.SmallNetwork` that is trained here. The networks that are
                trained anew are small ones in either case.
            device: where networks are trained and explained.
            out: file of the rows, continued if it is there: methods, shares and repeats may be added.
            progress: told of what is done and of the networks that are trained, in all.

        Returns:
            The rows; methods that have no sound rule for the network are told in ``failed``.

        Raises:
            NotApplicableError: the removal gives no pixels.
            OutputError: the file belongs to other settings, or cannot be written.
        """
        return _Run(self, dataset, classifier, device, out, progress).judge(tuple(dict.fromkeys((*methods, *CONTROLS))))

    def identity(self, dataset: Dataset, classifier: Classifier | None, device: torch.device | str) -> dict[str, Any]:
        """What two runs must have in common for their rows to belong together."""
        kept = ("order", "removal", "seed")
        explained = {} if classifier is None else {"explained": classifier.fingerprint}
        return {
            "metric": "retraining",
            "dataset": f"{dataset.name} {dataset.fingerprint}",
            **{name: getattr(self, name) for name in kept},
            "content": content_of(REMOVALS.create(self.removal)),
            "training": asdict(self.training),
            "device": torch.device(device).type,
            **explained,
        }


def _check_fits(classifier: Classifier, dataset: Dataset) -> None:
    """Refuse a classifier of other photographs or classes than those of the data set.

    Raises:
        ParameterError: its input has another size, or its outputs another number.
    """
    if classifier.preprocessing.size != dataset.size:
        raise ParameterError(
            f"{classifier.name} takes photographs of {classifier.preprocessing.size}, and those of {dataset.name} are "
            f"{dataset.size} (height, width); give one for that size, or load the data set in the classifier's"
        )
    found = classifier.logits(dataset.images[dataset.test[:1]]).shape[1]
    if found != len(dataset.classes):
        raise ParameterError(
            f"{classifier.name} has {found} classes, and {dataset.name} has {len(dataset.classes)}; give one that was "
            "trained for these"
        )


class _Run:
    """One run: what is shared between methods is made when it is first needed."""

    def __init__(
        self,
        metric: RemoveAndRetrain,
        dataset: Dataset,
        classifier: Classifier | None,
        device: torch.device | str,
        out: Path | None,
        progress: ProgressListener | None,
    ) -> None:
        if classifier is not None:
            _check_fits(classifier, dataset)
        self.metric, self.dataset, self.device, self.progress = metric, dataset, device, progress
        self.removal = REMOVALS.create(metric.removal)
        self.methods: dict[str, Method] = {}
        self.journal = Journal(out, metric.identity(dataset, classifier, device), Accuracy)
        self.used = torch.cat([dataset.train, dataset.test])
        self.images, self.labels = dataset.images[self.used], dataset.labels[self.used]
        self._explained = classifier
        self._said: Tensor | None = None
        self.done, self.wanted = 0, 0

    def judge(self, methods: tuple[str, ...]) -> Retrained:
        metric, dataset = self.metric, self.dataset
        self.methods = {spec: METHODS.create(spec) for spec in methods}
        if not self.removal.paints:
            raise NotApplicableError(
                f"removal {self.removal.name!r} paints no pixels that a network could be trained on; "
                "use one that does, such as 'mean'"
            )
        known = {row.key() for row in self.journal.rows}
        whole = [key for r in range(metric.repeats) if (key := (WHOLE, 0.0, r, _PHOTOGRAPHS)) not in known]
        contents = (_PHOTOGRAPHS, _MASKS) if metric.leak else (_PHOTOGRAPHS,)
        missing = {
            spec: [
                key
                for share in metric.shares
                for repeat in range(metric.repeats)
                for content in contents
                if (key := (spec, share, repeat, content)) not in known
            ]
            for spec in methods
        }
        self.wanted = len(whole) + sum(map(len, missing.values()))
        for key in whole:
            self._measure(key, self.images)
        failed: list[tuple[str, str]] = []
        for spec, keys in missing.items():
            if not keys:
                continue
            try:
                ranked = self._ranked(spec)
            except NotApplicableError as error:
                failed.append((spec, str(error)))
                self.wanted -= len(keys)
                continue
            for key in keys:
                masks = masks_without(ranked, key[1], metric.order, dataset.size)
                self._measure(key, self._content(key[3], masks))
        gone = {spec for spec, _ in failed}
        return Retrained(
            metric,
            dataset.name,
            tuple(self.journal.rows),
            tuple(spec for spec in methods if spec not in gone),
            tuple(failed),
            (len(dataset.train), len(dataset.test)),
        )

    def _measure(self, key: tuple[str, float, int, Content], images: Tensor) -> None:
        """Train on the first images, test on the rest, and write the row down."""
        method, share, repeat, content = key
        count = len(self.dataset.train)
        stage = f"{method or 'nothing hidden'}, {share:.0%}" + (" (masks)" if content == _MASKS else "")
        if self.progress is not None:
            self.progress(stage, self.done, self.wanted)
        began = time.perf_counter()
        classifier = self._network(repeat + 1, images[:count])
        found = accuracy(classifier, images[count:], self.labels[count:])
        self.journal.add([Accuracy(method, share, repeat, content, found, round(time.perf_counter() - began, 3))])
        self.done += 1

    def _network(self, number: int, images: Tensor) -> Classifier:
        return retrained(
            images,
            self.labels[: len(images)],
            self.dataset.classes,
            training=self.metric.training,
            seed=self.metric.seed * 1000 + number,
            device=self.device,
        )

    @property
    def explained(self) -> Classifier:
        """The network that is explained: the one that was given, or number 0, trained on whole photographs."""
        if self._explained is None:
            self._explained = self._network(0, self.images[: len(self.dataset.train)])
        return self._explained

    def _ranked(self, spec: str) -> Tensor:
        if self._said is None:
            self._said = predicted(self.explained, self.images)

        def listen(stage: str, number: int, of: int | None) -> None:
            if self.progress is not None:
                self.progress(f"{spec}, {stage} {number} of {of}", self.done, self.wanted)

        seed = self.metric.seed
        method = self.methods[spec]
        maps = maps_of(method, self.removal, self.explained, self.images, self._said, seed=seed, progress=listen)
        return rankings(maps, seed=seed)

    def _content(self, content: Content, masks: Tensor) -> Tensor:
        if content == _MASKS:
            return masks[:, None].expand(-1, 3, -1, -1)
        pairs = zip(torch.split(self.images, _PAINTED), torch.split(masks, _PAINTED), strict=True)
        return torch.cat([self.removal.painted(self.explained, images, some) for images, some in pairs])
