"""ROAR and KAR: hide what a method calls important, or unimportant, in every photograph, and train anew.

Source: Hooker, Erhan, Kindermans & Kim, *A Benchmark for Interpretability Methods in Deep Neural Networks*, NeurIPS
2019. A hidden part is then no surprise to the network, for it was trained on photographs with hidden parts. What is
left to doubt is the mask itself: its shape may tell the class (Rong et al., *A Consistent and Efficient Evaluation
Strategy for Attribution Methods*, ICML 2022). That is measured here: networks are also trained on nothing but masks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import product, starmap
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import torch

from unseen.classifier import Classifier
from unseen.classifier.devices import resolve_device
from unseen.classifier.outputs.catalogue import OUTPUTS
from unseen.errors import ModelError, NotApplicableError, ParameterError
from unseen.evaluation.content import content_of
from unseen.evaluation.retraining.datasets import Dataset
from unseen.evaluation.retraining.journal import Journal
from unseen.evaluation.retraining.maps import HidingOrder
from unseen.evaluation.retraining.trainer import MASKS, PHOTOGRAPHS, WHOLE, Accuracy, Content, Failure, Key, Trainer
from unseen.evaluation.retraining.training import NetworkSeed, Training
from unseen.evaluation.statistics import Interval, RepeatedVerdict, over_repeats, repeated_verdict
from unseen.explainers.catalogue import CONTROLS, METHODS
from unseen.removal import REMOVALS
from unseen.system.engines.local import IN_THIS_PROCESS
from unseen.system.engines.work import Engine, Work
from unseen.system.options import Count, Meaning, Options, Share
from unseen.system.progress import Listening, ProgressListener, listening


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
        progress: Listening = None,
        engine: Engine = IN_THIS_PROCESS,
    ) -> Retrained:
        """Judge methods, and the controls with them.

        Args:
            dataset: to train and to test on.
            methods: specs.
            classifier: that is explained, trained by yourself for these classes and this size; by default a
                :class:`~unseen.evaluation.retraining.network.SmallNetwork` that is trained here. The networks that are
                trained anew are small ones in either case.
            device: where networks are trained and explained; another process takes what ``"auto"`` is there.
            out: file of the rows, continued if it is there: methods, shares and repeats may be added.
            progress: ``True`` draws a bar; a function is told of what is done and of the networks that are trained, in
                all.
            engine: where networks are trained; the one that is explained, and the data set, are handed to it.

        Returns:
            The rows; methods that have no sound rule for the network are told in ``failed``.

        Raises:
            NotApplicableError: the removal gives no pixels.
            OutputError: the file belongs to other settings, or cannot be written.
        """
        if classifier is not None:
            _check_fits(classifier, dataset)
        trainer = Trainer(dataset, self.training, self.removal, self.order, self.seed, device, classifier)
        journal = Journal(out, self.identity(dataset, classifier, device), Accuracy)
        specs = tuple(dict.fromkeys((*methods, *CONTROLS)))
        with listening(progress, "retraining", unit="networks") as listener:
            return _judged(self, trainer, journal, specs, engine, listener)

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
            "device": resolve_device(device).type,
            **explained,
        }


def _check_fits(classifier: Classifier, dataset: Dataset) -> None:
    """Refuse a classifier of other photographs or classes than those of the data set.

    Raises:
        NotApplicableError: its outputs are no classes of which one is true.
        ParameterError: its input has another size, or its outputs another number.
    """
    outputs = classifier.outputs
    if outputs.joint or outputs.unit is not None:
        raise NotApplicableError(
            f"{classifier.name} has the outputs {OUTPUTS.spec_of(outputs)}, and photographs of {dataset.name} are of "
            "one class each; give a classifier of classes, such as one with outputs='logits'"
        )
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


def _judged(
    metric: RemoveAndRetrain,
    trainer: Trainer,
    journal: Journal[Accuracy],
    methods: tuple[str, ...],
    engine: Engine,
    progress: ProgressListener | None,
) -> Retrained:
    """Train what the journal lacks."""
    dataset = trainer.dataset
    for spec in methods:
        METHODS.create(spec)
    if not REMOVALS.create(metric.removal).paints:
        raise NotApplicableError(
            f"removal {metric.removal!r} paints no pixels that a network could be trained on; "
            "use one that does, such as 'mean'"
        )
    known, done = {row.key() for row in journal.rows}, 0
    missing = [key for key in _keys(metric, methods) if key not in known]

    def tell(stage: str) -> None:
        if progress is not None:
            progress(stage, done, len(missing))

    trainer.tell = tell
    if trainer.explained is None and any(key.method != WHOLE for key in missing):
        tell("the network that is explained")
        trainer.explained = trainer.network(0)
    work: Work[Key, Accuracy | Failure] = Work(
        missing,
        trainer,
        trainer.again(),
        _lost,
        lambda key, stage: tell(f"{key}: {stage}"),
    )
    failed: dict[str, str] = {}
    with closing(engine.results(work)) as results:
        for some in results:
            journal.add([one for one in some if isinstance(one, Accuracy)])
            failed.update(one for one in some if isinstance(one, Failure))
            done += len(some)
            tell("trained")
    return Retrained(
        metric,
        dataset.name,
        tuple(journal.rows),
        tuple(spec for spec in methods if spec not in failed),
        tuple(failed.items()),
        (len(dataset.train), len(dataset.test)),
    )


def _keys(metric: RemoveAndRetrain, methods: Sequence[str]) -> Iterator[Key]:
    """Every network; those of a method follow one another."""
    yield from (Key(WHOLE, 0.0, repeat) for repeat in range(metric.repeats))
    contents = (PHOTOGRAPHS, MASKS) if metric.leak else (PHOTOGRAPHS,)
    yield from starmap(Key, product(methods, metric.shares, range(metric.repeats), contents))


def _lost(key: Key, reason: str) -> NoReturn:
    raise ModelError(f"the network for {key} cannot be trained: {reason}; the same command goes on where it was")
