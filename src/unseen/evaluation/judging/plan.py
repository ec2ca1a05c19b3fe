"""What is to be evaluated: written down before any work, kept with the results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from unseen.classifier import Classifier
from unseen.classifier.backend_names import BackendName
from unseen.classifier.outputs.catalogue import OUTPUTS
from unseen.classifier.zoo import load_classifier
from unseen.classifier.zoo.loading import classifier_of
from unseen.errors import ParameterError
from unseen.evaluation.judging.subject import Subject, subjects_of
from unseen.explainers.catalogue import CONTROLS, METHODS
from unseen.explanation.roles import Asked
from unseen.inputs.streams import Seed
from unseen.metrics import METRICS, MetricEntry
from unseen.pipeline.explain import Request
from unseen.removal import REMOVALS
from unseen.system.options import Count, Options

if TYPE_CHECKING:
    from unseen.explainers.method import Method
    from unseen.metrics.case import Metric
    from unseen.removal import Removal

DRAWN = "annotation"
"""The control that shows the annotation itself, where there is one."""

JUDGED_BESIDE = (*CONTROLS, DRAWN)
"""What is judged beside the methods, and is none of them."""


@dataclass(frozen=True)
class MetricSpec:
    """A metric as a plan names it, ``name:options@removal``; what it stands for is made once.

    Args:
        spec: as it was written.
    """

    spec: str

    @cached_property
    def name(self) -> str:
        """The metric's registered name."""
        return re.split("[:@]", self.spec)[0]

    @cached_property
    def removal(self) -> str | None:
        """Under which it judges; ``None`` for that of the explanation."""
        _, at, removal = self.spec.partition("@")
        return removal if at else None

    @cached_property
    def entry(self) -> MetricEntry:
        """What is known of the metric.

        Raises:
            UnknownNameError: there is none of this name.
            ParameterError: it is a third party's and declares nothing of what a metric must.
        """
        entry = METRICS[self.name]
        if not isinstance(entry, MetricEntry):
            raise ParameterError(f"metric {self.name!r} is declared as a plain Entry; declare it as a MetricEntry")
        return entry

    @cached_property
    def metric(self) -> Metric:
        """The metric, if it judges maps."""
        metric: Metric = METRICS.create(self.spec.partition("@")[0])
        return metric


METRICS_BY_DEFAULT = (
    "size",
    "confidence",
    "confidence-distance",
    "by-chance",
    "robustness-colours",
    "robustness-photos",
)


@dataclass(frozen=True)
class Plan(Options):
    """An evaluation: every method under every removal on every photograph, judged by every metric.

    Args:
        photos: files; those of the same content are one photograph, whatever their names.
        model: a name for :func:`unseen.load_classifier`, or a classifier, which then brings its own device, labels and
            preprocessing.
        methods: specs, as in ``unseen list methods``.
        removals: specs, as in ``unseen list removals``.
        confidence: thresholds γ in [0, 1]; one part is judged for each.
        target: label or index of what is explained of every photograph; of findings also several, with `` + `` between
            them. By default each photograph's top class.
        classes: what gives each photograph a class, which is explained in the place of the top class; see
            :meth:`~unseen.evaluation.judging.given.GivenClasses.read`.
        part: what is asked of the parts; see :class:`unseen.Part`.
        metrics: specs, as in ``unseen list metrics``. A metric hides by the removal that the map was made with, or by
            another that follows an ``@``: ``insertion@grey``.
        controls: whether maps that know nothing of the model are judged as well, and annotations where there are any.
        annotations: COCO file of the objects in the photographs.
        annotation_classes: JSON file that gives the class indices of each of its categories.
        contexts: photographs to plant parts on.
        device: where the network runs.
        labels: file with the class names of a model that brings none.
        preprocessing: how photographs are prepared, as :func:`unseen.load_classifier` takes it, instead of what the
            model's source says.
        outputs: what the model's numbers mean, as in ``unseen list outputs``; by default what its source says.
        backend: what runs the passes that need nothing but logits: ``torch``; ``onnxruntime``, all of them but those of
            Activation–Deactivation; ``auto``, the faster of the two for each, measured as the work goes on.

    Raises:
        ParameterError: nothing to do, or a parameter outside its range.
        UnknownNameError: a method, removal or metric that is not registered.
    """

    photos: tuple[Path, ...]
    model: str | Classifier = "efficientnet-lite0"
    methods: tuple[str, ...] = ("causal",)
    removals: tuple[str, ...] = ("ad", "min", "max", "zero", "mean")
    confidence: tuple[float, ...] = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
    target: str | None = None
    classes: tuple[str, ...] = ()
    part: Asked = "sufficient"
    metrics: tuple[str, ...] = METRICS_BY_DEFAULT
    controls: bool = True
    annotations: Path | None = None
    annotation_classes: Path | None = None
    backgrounds: Annotated[int, Count("how many contexts of each kind a part is planted on")] = 100
    contexts: tuple[Path, ...] = ()
    seed: Seed = 0
    device: str = "auto"
    labels: Path | None = None
    preprocessing: str | None = None
    outputs: str | None = None
    backend: BackendName = "torch"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("photos", "methods", "removals", "metrics"):
            given = getattr(self, name)
            if not given:
                raise ParameterError(f"no {name} to evaluate; name at least one")
            if "" in given:
                raise ParameterError(f"one of the {name} has no name; names are separated by single commas")
        self._check_model()
        _ = self.request
        if self.outputs is not None:
            OUTPUTS.create(self.outputs)
        if self.target is not None and self.classes:
            raise ParameterError(
                f"target {self.target!r} is the same for every photograph, and classes give each its own; leave one out"
            )
        for metric in self.specs:
            self._check(metric)
        _ = self.method_of, self.removal_of  # made now, so that a misspelt one is refused before any work

    def _check_model(self) -> None:
        if isinstance(self.model, str):
            return
        given = [name for name in ("labels", "preprocessing", "outputs") if getattr(self, name) is not None]
        given += ["device"] if self.device != "auto" else []
        if given and isinstance(self.model, Classifier):
            raise ParameterError(
                f"{' and '.join(given)} belong to the name of a model; give unseen.Classifier what it shall have, and "
                "leave them out here"
            )
        classifier_of(self.model)

    def load(self) -> tuple[Classifier, int | None]:
        """The model that can be asked about the target, and the target's index; ``None`` for the top class.

        Raises:
            UnknownNameError: it has no such target.
            ParameterError: several targets of a model without labels.
            UnseenError: it cannot be loaded.
        """
        said = {name: getattr(self, name) for name in ("device", "labels", "preprocessing", "outputs")}
        model = self.model if isinstance(self.model, Classifier) else load_classifier(self.model, **said)
        if self.target is None:
            return model, None
        asked, index = model.asked(self.target)
        if index < 0:
            raise ParameterError(f"target {self.target!r} is several, which take labels; give the model's (--labels)")
        return asked, index

    def __getstate__(self) -> dict[str, Any]:
        """Specs travel to other processes, where what they stand for is made anew: it may hold on to a network."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def _check(self, metric: MetricSpec) -> None:
        entry = metric.entry
        if entry.judges == "training":
            raise ParameterError(f"metric {metric.name!r} trains networks; run unseen retrain --metric {metric.name}")
        if entry.judges == "part" and metric.spec != metric.name:
            raise ParameterError(f"metric {metric.name!r} takes no options and no removal, got {metric.spec!r}")
        if entry.judges == "part":
            METRICS.load(metric.name)
        else:
            _ = metric.metric
        if metric.removal == "":
            raise ParameterError(f"metric {metric.spec!r} names no removal after the @; name one or leave the @ out")
        if "annotation" in entry.needs and self.annotations is None:
            raise ParameterError(f"metric {metric.name!r} compares with annotations; name their file (--annotations)")
        if "classes" in entry.needs and not self.classes:
            raise ParameterError(f"metric {metric.name!r} compares with given classes; name their file (--classes)")

    @property
    def request(self) -> Request:
        """What is asked of every method."""
        return Request(self.confidence, self.seed, part=(self.part,))

    @cached_property
    def _different(self) -> tuple[tuple[Subject, ...], dict[Path, Path]]:
        return subjects_of(self.photos)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The photographs, each once, by their content when this was asked first."""
        return self._different[0]

    @property
    def repeated(self) -> dict[Path, Path]:
        """Files that are left out, because another one has the same content."""
        return self._different[1]

    @cached_property
    def specs(self) -> tuple[MetricSpec, ...]:
        """The metrics."""
        return tuple(map(MetricSpec, self.metrics))

    @cached_property
    def method_of(self) -> Mapping[str, Method]:
        """The methods and the controls by their specs; a drawn annotation is another for every photograph."""
        return {spec: METHODS.create(spec) for spec in self.explainers if spec != DRAWN}

    @cached_property
    def removal_of(self) -> Mapping[str, Removal]:
        """The removals by their specs, those of metrics too."""
        of_metrics = (metric.removal for metric in self.specs if metric.removal)
        return {spec: REMOVALS.create(spec) for spec in dict.fromkeys((*self.removals, *of_metrics))}

    @cached_property
    def of_parts(self) -> tuple[str, ...]:
        """The metrics that judge parts."""
        return tuple(metric.name for metric in self.specs if metric.entry.judges == "part")

    @cached_property
    def of_maps(self) -> tuple[MetricSpec, ...]:
        """The metrics that judge maps."""
        return tuple(metric for metric in self.specs if metric.entry.judges == "map")

    @property
    def explainers(self) -> tuple[str, ...]:
        """The methods, and the controls that are judged beside them."""
        drawn = (DRAWN,) if self.annotations is not None else ()
        return tuple(dict.fromkeys((*self.methods, *((*CONTROLS, *drawn) if self.controls else ()))))

    @property
    def cells(self) -> int:
        """How many photographs × methods, controls among them, × removals there are."""
        return len(self.subjects) * len(self.explainers) * len(self.removals)

    @property
    def plants(self) -> bool:
        """Whether a metric asks for other photographs: to plant parts on, or to compose."""
        return any("set" in metric.entry.needs for metric in self.specs)

    @property
    def order(self) -> dict[str, list[str]]:
        """The order of the rows: specs of methods and controls, of removals and of metrics."""
        specs = {"method": self.explainers, "removal": self.removals, "metric": self.metrics}
        return {name: list(values) for name, values in specs.items()}

    @property
    def model_name(self) -> str:
        """What records call the model."""
        return self.model if isinstance(self.model, str) else self.model.name

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        paths = {"photos": [str(p) for p in self.photos], "contexts": [str(p) for p in self.contexts]}
        files = {name: getattr(self, name) for name in ("labels", "annotations", "annotation_classes")}
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        texts = {name: str(path) if path else None for name, path in files.items()}
        return {**plain, "model": self.model_name, **paths, **texts}
