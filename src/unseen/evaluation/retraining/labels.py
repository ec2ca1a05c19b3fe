"""The data randomisation test: does a map change when the network has learnt shuffled labels?

Source: Adebayo et al., *Sanity Checks for Saliency Maps*, NeurIPS 2018, section 4. A network that learnt by heart
labels which have nothing to do with the photographs has other reasons than one that learnt the true ones. A map that
looks the same for both shows the photograph, not the reasons.

How alike is "the same"? Two networks that both learnt the true labels give the answer: their maps are compared, too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import torch
from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.devices import resolve_device
from unseen.errors import NotApplicableError
from unseen.evaluation.content import content_of
from unseen.evaluation.retraining.datasets import Dataset
from unseen.evaluation.retraining.journal import Journal
from unseen.evaluation.retraining.maps import maps_of
from unseen.evaluation.retraining.training import NetworkSeed, Training, accuracy, predicted, retrained
from unseen.evaluation.statistics import RepeatedVerdict, over_repeats, repeated_verdict
from unseen.explainers.catalogue import CONTROLS, METHODS
from unseen.explainers.method import Method
from unseen.metrics.similarity import Similarity, similar
from unseen.removal import REMOVALS
from unseen.system.options import Count, Meaning, Options
from unseen.system.progress import Listening, ProgressListener, listening

Other = Literal["shuffled", "true"]
Measure = Literal["spearman", "spearman-absolute", "ssim"]

LEARNT = 0.95
"""Share of the shuffled labels that a network must have learnt by heart."""

_MEASURES: dict[Measure, tuple[Similarity, bool]] = {
    "spearman": ("spearman", False),
    "spearman-absolute": ("spearman", True),
    "ssim": ("ssim", False),
}
"""Each as the similarity and whether it is one of magnitudes."""


@dataclass(frozen=True)
class Likeness:
    """How alike the maps of two networks are.

    Attributes:
        method: spec.
        repeat: number of the three networks.
        other: what the second network learnt, the first having learnt the true labels.
        measure: of likeness.
        value: mean over the photographs; ``None`` where it is defined on none.
        count: photographs on which it is defined.
        learnt: share of its training photographs that the second network names as it was taught.
        seconds: that the maps took.
    """

    method: str
    repeat: int
    other: Other
    measure: Measure
    value: float | None
    count: int
    learnt: float
    seconds: float

    def key(self) -> tuple[str, int, Other, Measure]:
        """What was compared."""
        return self.method, self.repeat, self.other, self.measure


@dataclass(frozen=True)
class Randomised:
    """What came of it.

    Attributes:
        metric: who measured.
        dataset: name of the photographs.
        rows: see :class:`Likeness`.
        methods: specs, the controls last.
        failed: why a method has no rows: (spec, reason).
        learnt: least share of the shuffled labels that was learnt.
    """

    metric: DataRandomisation
    dataset: str
    rows: tuple[Likeness, ...]
    methods: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    learnt: float

    def values(self, method: str, other: Other, measure: Measure) -> dict[int, float]:
        """Repeat → mean over photographs, where it is defined."""
        wanted = (method, other, measure)
        found = {row.repeat: row.value for row in self.rows if (row.method, row.other, row.measure) == wanted}
        return {repeat: value for repeat, value in sorted(found.items()) if value is not None}

    def against_true(self, method: str, measure: Measure) -> RepeatedVerdict:
        """Whether maps differ more when the labels were shuffled ("better") than between two true networks."""
        return repeated_verdict(self.values(method, "shuffled", measure), self.values(method, "true", measure), "lower")

    def to_dict(self, method: str) -> dict[str, Any]:
        """One method's results, ready for JSON."""
        measures: dict[str, Any] = {}
        for measure in get_args(Measure):
            entry: dict[str, Any] = {"changes": self.against_true(method, measure) == "better"}
            for other in get_args(Other):
                values = list(self.values(method, other, measure).values())
                entry[other] = {"mean": over_repeats(values).value if values else None, "values": values}
            measures[measure] = entry
        return {"method": method, "learnt": self.learnt, "likeness": measures}


@dataclass(frozen=True)
class DataRandomisation(Options):
    """Likeness of the maps of networks that learnt true and shuffled labels; lower is better, down to unrelated.

    Three networks a repeat: two learn the true labels from different seeds, a third, which begins like the first,
    learns shuffled ones by heart. All are asked for the class that the first one says of a test photograph.

    Raises:
        ParameterError: a parameter outside its range.

    Example:
        >>> from unseen.evaluation.retraining.datasets import Dataset
        >>> from unseen.evaluation.retraining.labels import DataRandomisation
        >>> from unseen.evaluation.retraining.training import NetworkSeed, Training
        >>> labels = torch.arange(20) % 2  # ten red photographs, ten blue ones
        >>> images = torch.eye(3)[2 * labels].reshape(20, 3, 1, 1).expand(20, 3, 16, 16).contiguous()
        >>> dataset = Dataset("colours", images, labels, ("red", "blue"), torch.arange(12), torch.arange(12, 20))
        >>> metric = DataRandomisation(repeats=1, images=2, epochs=2, training=Training(epochs=2))
        >>> metric.run(dataset, ["saliency"]).methods
        ('saliency', 'random', 'uniform', 'edges')
    """

    repeats: Annotated[int, Count("how many triples of networks are trained")] = 3
    images: Annotated[int, Count("on how many test photographs maps are compared")] = 100
    epochs: Annotated[
        int, Count("how often the network that learns by heart sees every photograph; it takes longer")
    ] = 60
    seed: NetworkSeed = 0
    removal: Annotated[str, Meaning("the removal of methods that hide parts")] = "mean"
    training: Annotated[Training, Meaning("how the other networks are trained")] = field(default_factory=Training)

    def run(
        self,
        dataset: Dataset,
        methods: Sequence[str],
        *,
        device: torch.device | str = "cpu",
        out: Path | None = None,
        progress: Listening = None,
    ) -> Randomised:
        """Judge methods, and the controls with them; see :meth:`RemoveAndRetrain.run`."""
        method_of = {spec: METHODS.create(spec) for spec in dict.fromkeys((*methods, *CONTROLS))}
        device = resolve_device(device)
        journal = Journal(out, self.identity(dataset, device), Likeness)
        with listening(progress, "retraining", unit="networks") as listener:
            failed = self._complete(journal, method_of, dataset, device, listener)
        rows = tuple(row for row in journal.rows if row.repeat < self.repeats)
        return Randomised(
            self,
            dataset.name,
            rows,
            tuple(spec for spec in method_of if spec not in failed),
            tuple(failed.items()),
            min((row.learnt for row in rows if row.other == "shuffled"), default=math.nan),
        )

    def _complete(
        self,
        journal: Journal[Likeness],
        method_of: Mapping[str, Method],
        dataset: Dataset,
        device: torch.device | str,
        progress: ProgressListener | None,
    ) -> dict[str, str]:
        """Train and compare what the journal lacks; methods that do not apply, each with the reason."""
        removal = REMOVALS.create(self.removal)
        failed: dict[str, str] = {}
        for repeat in range(self.repeats):
            known = {row.method for row in journal.rows if row.repeat == repeat}
            missing = [spec for spec in method_of if spec not in known and spec not in failed]
            if not missing:
                continue
            if progress is not None:
                progress("training", 3 * repeat, 3 * self.repeats)
            networks, learnt = self._networks(dataset, repeat, device)
            pixels = dataset.images[dataset.test[: self.images]]
            targets = predicted(networks[0], pixels)
            for spec in missing:
                if progress is not None:
                    progress(spec, 3 * repeat + 3, 3 * self.repeats)
                began, method = time.perf_counter(), method_of[spec]
                try:
                    first, *others = (
                        maps_of(method, removal, one, pixels, targets, seed=self.seed) for one in networks
                    )
                except NotApplicableError as error:
                    failed[spec] = str(error)
                    continue
                seconds = round(time.perf_counter() - began, 3)
                journal.add(
                    Likeness(spec, repeat, other, measure, *alike(first, maps, measure), learnt[other], seconds)
                    for other, maps in zip(get_args(Other), others, strict=True)
                    for measure in get_args(Measure)
                )
        return failed

    def identity(self, dataset: Dataset, device: torch.device | str) -> dict[str, Any]:
        """What two runs must have in common for their rows to belong together."""
        return {
            "metric": "data-randomisation",
            "dataset": f"{dataset.name} {dataset.fingerprint}",
            **{name: getattr(self, name) for name in ("images", "epochs", "seed", "removal")},
            "content": content_of(REMOVALS.create(self.removal)),
            "training": asdict(self.training),
            "device": resolve_device(device).type,
        }

    def _networks(
        self, dataset: Dataset, repeat: int, device: torch.device | str
    ) -> tuple[tuple[Classifier, ...], dict[Other, float]]:
        """Taught the true labels, shuffled ones, the true ones again; and what the others have learnt of theirs."""
        images, labels = dataset.images[dataset.train], dataset.labels[dataset.train]
        seed = self.seed * 1000 + 2 * repeat
        shuffled = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]
        by_heart = Training(self.epochs, self.training.batch, self.training.rate, 0.0)

        def taught(answers: Tensor, training: Training, number: int) -> Classifier:
            return retrained(images, answers, dataset.classes, training=training, seed=number, device=device)

        first = taught(labels, self.training, seed)
        other = taught(shuffled, by_heart, seed)
        second = taught(labels, self.training, seed + 1)
        learnt: dict[Other, float] = {
            "shuffled": accuracy(other, images, shuffled),
            "true": accuracy(second, images, labels),
        }
        return (first, other, second), learnt


def alike(first: Tensor, second: Tensor, measure: Measure) -> tuple[float | None, int]:
    """Mean likeness of maps, shape (N, H, W), over those where it is defined, and how many these are."""
    by, absolute = _MEASURES[measure]
    values = similar(first, second, by, absolute=absolute).tolist()
    defined = [value for value in values if not math.isnan(value)]
    return (sum(defined) / len(defined) if defined else None), len(defined)
