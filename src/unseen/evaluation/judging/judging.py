"""One photograph × method × removal: explained, and judged by every metric that it lacks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.backend import Backend
from unseen.classifier.decision import Decision, decide
from unseen.classifier.inference import OnnxNetwork
from unseen.classifier.zoo.loading import fast
from unseen.errors import NotApplicableError, PhotoError, UnseenError
from unseen.evaluation.annotations import Annotations
from unseen.evaluation.judging.given import GivenClasses
from unseen.evaluation.judging.outcomes import JudgedPart, Measurement, Outcome
from unseen.evaluation.judging.plan import DRAWN, MetricSpec, Plan
from unseen.evaluation.judging.planting import CONTEXTS, NONE, contexts_of, plant_parts
from unseen.evaluation.judging.subject import Subject
from unseen.evaluation.judging.thumbnail import Thumbnail
from unseen.explainers.controls.maps import AnnotationMap
from unseen.explainers.method import Method
from unseen.explainers.robust.contexts import Contexts, OtherPhotographs, SolidColours
from unseen.explainers.sufficient.search import findings_of
from unseen.explanation import Explanation, Part
from unseen.explanation.roles import REASONS, Asked, Missing
from unseen.metrics import METRICS
from unseen.metrics.case import Case, MaskMetric, Metric, judge
from unseen.pipeline.explain import explain_decision, explainer
from unseen.removal import Removal


@dataclass(frozen=True, eq=False, slots=True)
class EvaluationCell:
    """One photograph × method × removal, and what is known of it."""

    subject: Subject
    method: str
    removal: str
    known: Outcome | None

    def __str__(self) -> str:
        return f"{self.subject.name}, {self.method}, {self.removal}"

    def lacks(self, plan: Plan) -> bool:
        """Whether there is anything left to do; what failed altogether is tried again."""
        if self.known is None or self.known.reason:
            return True
        if any(metric.spec not in self.known.measurements for metric in plan.of_maps):
            return True
        if lacks_parts(plan, self.known):
            return True
        judged = [part for part in self.known.parts if part.mask is not None]
        return any(
            part.measurements.get(metric, NONE).asked < plan.backgrounds
            for part in judged
            for metric in contexts_of(plan)
        )


def lacks_parts(plan: Plan, known: Outcome) -> bool:
    """Whether parts must be found once more: there are none, or not all that is measured on finding them is known."""
    if not plan.of_parts:
        return False
    measured = [set(part.measurements) | (set(CONTEXTS) if part.mask is not None else set()) for part in known.parts]
    return not measured or any(not names.issuperset(plan.of_parts) for names in measured)


def failed(cell: EvaluationCell, plan: Plan, reason: str) -> Outcome:
    """The outcome of a cell of which nothing came: the reason is that of every metric, too."""
    parts = [
        JudgedPart(gamma, None, reason=reason, measurements=dict.fromkeys(plan.of_parts, _missing(reason)))
        for gamma in plan.confidence
        if plan.of_parts
    ]
    of_maps = {metric.spec: _missing(reason) for metric in plan.of_maps}
    return Outcome(cell.subject, cell.method, cell.removal, reason, parts=parts, measurements=of_maps)


class _Map(NamedTuple):
    """A map, what is noted of it, the evaluations and seconds that it took, and what its passes ran on."""

    saliency: Tensor
    notes: tuple[str, ...]
    spent: int
    seconds: float
    engine: str


class Judge:
    """Evaluates cells: the models and contexts of a plan, made when they are first needed.

    Args:
        plan: what is evaluated.
        folder: keeps an exported network.
        watch: told what is under way within a cell.
    """

    def __init__(self, plan: Plan, folder: Path, watch: Callable[[EvaluationCell, str], None] | None = None) -> None:
        self.plan, self.folder = plan, folder
        self.watch: Callable[[EvaluationCell, str], None] = watch or (lambda _cell, _stage: None)
        self._decision: tuple[Subject, Decision] | None = None
        self._deciders: dict[bool, Classifier] = {}
        self._last_map: tuple[tuple[Subject, str, str | None], _Map] | None = None

    @cached_property
    def _loaded(self) -> tuple[Classifier, int | None]:
        return self.plan.load()

    @property
    def plain(self) -> Classifier:
        """The classifier as it comes; see :meth:`Plan.load`."""
        return self._loaded[0]

    @property
    def same(self) -> Mapping[str, str]:
        """What must be the same wherever cells are evaluated; see :class:`~unseen.system.engines.work.Worker`."""
        return {"other weights of the model": self.plain.fingerprint}

    @cached_property
    def classifier(self) -> Classifier:
        """For what looks inside the network."""
        found = fast(self.plain)
        if self.plan.backend == "auto" and found is not self.plain:  # the user's own classifier keeps its own
            found.backend = Backend("auto")
        return found

    @cached_property
    def black_box(self) -> Classifier:
        """For what needs nothing but logits."""
        return self.plain.accelerated(self.folder) if self.plan.backend == "onnxruntime" else self.classifier

    @cached_property
    def contexts(self) -> dict[str, Contexts]:
        """What parts are planted on, by kind."""
        return {
            "colours": SolidColours(self.plan.seed),
            "photos": OtherPhotographs(self.black_box, self.plan.contexts, self.plan.seed),
        }

    @cached_property
    def annotations(self) -> Annotations | None:
        """The objects that are annotated in the photographs.

        Raises:
            ParameterError: the file cannot be read, knows none of the photographs, or its classes are another model's.
        """
        path = self.plan.annotations
        if path is None:
            return None
        found = Annotations.read(path, self.plan.annotation_classes)
        found.check(self.plan.photos)
        found.categories_of(0, self.plain)
        return found

    @cached_property
    def given(self) -> GivenClasses | None:
        """The classes of the photographs; see :meth:`GivenClasses.checked`."""
        return GivenClasses.checked(self.plan.classes, self.plan.photos, self.plain)

    def __call__(self, cell: EvaluationCell) -> Outcome:
        """The outcome of a cell; a failure is an outcome with its reason."""
        try:
            return self._outcome(cell)
        except UnseenError as error:
            return failed(cell, self.plan, str(error))
        except (Exception, SystemExit) as error:  # a fault of one method must not cost a run of days
            return failed(cell, self.plan, _fault(error))

    def _outcome(self, cell: EvaluationCell) -> Outcome:
        known = cell.known if cell.known is not None and not cell.known.reason else None
        outcome, saliency = known, None
        if known is None or lacks_parts(self.plan, known):
            self.watch(cell, "explaining")
            outcome, saliency = self._explained(cell)
            if known is not None:
                outcome.measurements.update(known.measurements)
                _carry_over(known.parts, outcome.parts)
        assert outcome is not None
        plant_parts(
            outcome,
            self.plan,
            self.contexts,
            lambda: (self._decided(cell.subject), self._deciding(cell, False)),
            partial(self.watch, cell),
        )
        missing = [metric for metric in self.plan.of_maps if metric.spec not in outcome.measurements]
        if missing:
            outcome.measurements.update(self._judged(cell, saliency, missing, outcome))
        return outcome

    # ---- explanations -------------------------------------------------------------------------------------------

    def _decided(self, subject: Subject) -> Decision:
        """What the network says of the photograph; kept until another is asked for."""
        if self._decision is None or self._decision[0] != subject:
            target = self._loaded[1] if self.given is None else self.given.target(subject.path, self.plain)
            decision = decide(subject.path, self.black_box, target)
            if Subject.of(subject.path) != subject:
                raise PhotoError(f"{subject.path} was changed since the evaluation began; start it again")
            self._decision = (subject, decision)
        return self._decision[1]

    def _annotation(self, subject: Subject) -> Tensor | None:
        if self.annotations is None:
            return None
        return self.annotations.mask(subject.path, self._decided(subject).target, self.plain)

    def _method(self, cell: EvaluationCell) -> Method:
        if cell.method != DRAWN:
            return self.plan.method_of[cell.method]
        annotation = self._annotation(cell.subject)
        if annotation is None:
            raise NotApplicableError("no object of the explained class is annotated on what the model sees of it")
        return AnnotationMap(annotation=annotation)

    def _explained(self, cell: EvaluationCell) -> tuple[Outcome, Tensor]:
        """The outcome without measurements of the map, and the map; parts only if a metric asks for them."""
        method, removal = self._method(cell), self.plan.removal_of[cell.removal]
        decision = replace(self._decided(cell.subject), classifier=self._asked_by(cell, method, removal))
        if self.plan.of_parts:
            explanation = explain_decision(decision, method, removal, self.plan.request)
            asked = [part for part in explanation.parts if part.rank == 0 and part.role == self.plan.part]
            found = {part.confidence_threshold: part for part in asked}
            parts = [self._judged_part(explanation, gamma, found.get(gamma)) for gamma in self.plan.confidence]
            saliency, notes = explanation.saliency, explanation.notes
            spent, seconds = explanation.provenance["evaluations"], explanation.provenance["seconds"]
            engine = _ran_on(decision.classifier)
        else:
            found_map = self._map(cell, method, removal)
            saliency, notes, parts = found_map.saliency, found_map.notes, []
            spent, seconds = found_map.spent + decision.evaluations, found_map.seconds + decision.seconds
            engine = found_map.engine
        outcome = Outcome(
            cell.subject,
            cell.method,
            cell.removal,
            target=decision.target,
            label=decision.label,
            probability=decision.probability,
            evaluations=spent,
            seconds=seconds,
            engine=engine,
            parts=parts,
            notes=notes,
            thumbnail=Thumbnail.of(decision.image, saliency, decision.classifier.preprocessing.bands),
        )
        return outcome, saliency

    def _map(self, cell: EvaluationCell, method: Method, removal: Removal) -> _Map:
        """The map alone, with what it took; made once for all removals if it can be."""
        key = (cell.subject, cell.method, None if not method.uses_removal else cell.removal)
        if self._last_map is None or self._last_map[0] != key:
            decision, began = self._decided(cell.subject), time.perf_counter()
            asked = self._asked_by(cell, method, removal)
            asked.backend.passes.clear()
            masked = removal.bind(asked, decision.image, geometry=decision.geometry)
            found = findings_of(method, masked, decision.target, self.plan.seed)
            notes = (*found.notes, *masked.notes)
            took = masked.evaluations, time.perf_counter() - began
            self._last_map = (key, _Map(found.saliency, notes, *took, _ran_on(asked)))
        return self._last_map[1]

    def _asked_by(self, cell: EvaluationCell, method: Method, removal: Removal) -> Classifier:
        """The network itself for what looks inside it, else what runs it fastest."""
        return self._deciding(cell, removal.inside or method.inside)

    def _deciding(self, cell: EvaluationCell, inside: bool) -> Classifier:
        """What is asked about the cell's photograph, one view for all that is asked; see :meth:`Classifier.reading`."""
        outputs, known = self._decided(cell.subject).classifier.outputs, self._deciders.get(inside)
        if known is None or known.outputs is not outputs:
            known = self._deciders[inside] = (self.classifier if inside else self.black_box).reading(outputs)
        return known

    # ---- metrics ------------------------------------------------------------------------------------------------

    def _judged(
        self, cell: EvaluationCell, saliency: Tensor | None, metrics: Sequence[MetricSpec], outcome: Outcome
    ) -> dict[str, Measurement]:
        """What metrics say of the map, which is made again if it is not known; what they note, the outcome notes."""
        method, removal = self._method(cell), self.plan.removal_of[cell.removal]
        decision = self._decided(cell.subject)
        if saliency is None:
            saliency = self._map(cell, method, removal).saliency
        case = Case(
            saliency,
            decision.target,
            removal.bind(self._asked_by(cell, method, removal), decision.image),
            explainer(method, removal, self.plan.seed, decision.geometry),
            self._annotation(cell.subject),
            partial(
                self.contexts["photos"].of,
                cell.subject.digest,
                decision.target,
                decision.classifier.outputs,
            ),
            self.plan.seed,
        )
        pairs: dict[str, tuple[Case, Metric]] = {}
        found: dict[str, Measurement] = {}
        for spec in metrics:
            metric, judge_removal = spec.metric, self.plan.removal_of[spec.removal or cell.removal]
            model = self._deciding(cell, judge_removal.inside or not isinstance(metric, MaskMetric))
            try:
                pairs[spec.spec] = replace(case, masked=judge_removal.bind(model, decision.image)), metric
            except UnseenError as error:  # a removal that has no rule for the network
                found[spec.spec] = _measured(error)
        together = [name for name, (_, metric) in pairs.items() if isinstance(metric, MaskMetric)]
        groups = [group for group in (together, *([name] for name in pairs if name not in together)) if group]
        for group in groups:
            self.watch(cell, ", ".join(group))
            found.update(zip(group, _measurements([pairs[name] for name in group]), strict=True))
            outcome.note(*(sentence for name in group for sentence in pairs[name][0].masked.notes))
        return {spec.spec: found[spec.spec] for spec in metrics}

    def _judged_part(self, explanation: Explanation, gamma: float, part: Part | None) -> JudgedPart:
        if part is None:
            reason = _missing_part(explanation, self.plan.part, gamma)
            return JudgedPart(
                gamma, None, reason=reason, measurements=dict.fromkeys(self.plan.of_parts, _missing(reason))
            )
        free = {name: METRICS[name].load() for name in self.plan.of_parts if name not in CONTEXTS}
        values = {name: _measured(float(measure(explanation, part))) for name, measure in free.items()}
        if part.by_chance is not None and "by-chance" in values:
            tried, passing = part.by_chance.tried, part.by_chance.passing
            values["by-chance"] = Measurement(part.by_chance.share, tried, passing, tried)
        return JudgedPart(gamma, part.mask, part.verified, measurements=values)


def _measurements(pairs: Sequence[tuple[Case, Metric]]) -> list[Measurement]:
    """What the metrics say; the fault of one is its own reason, and the others are asked without it."""
    try:
        return [_measured(value) for value in judge(pairs)]
    except Exception as error:
        if len(pairs) == 1:
            return [_missing(_fault(error))]
        return [measurement for pair in pairs for measurement in _measurements([pair])]


def _measured(value: float | UnseenError) -> Measurement:
    if isinstance(value, UnseenError):
        return _missing(str(value))
    if math.isnan(value):
        return _missing("the metric is not defined for such a map (see what unseen list metrics says of it)")
    return Measurement(value) if math.isfinite(value) else _missing("the value is infinite")


def _fault(error: BaseException) -> str:
    """The reason where code fails in a way that nobody foresaw."""
    return f"internal error, {type(error).__name__}: {' '.join(str(error).split()) or 'without a message'}"


def _carry_over(known: Sequence[JudgedPart], found: Sequence[JudgedPart]) -> None:
    """Keep what parts were already planted on, where the same part was found again."""
    before = {part.confidence: part for part in known}
    for part in found:
        old = before.get(part.confidence)
        if old is not None and old.mask is not None and part.mask is not None and torch.equal(old.mask, part.mask):
            part.measurements = {**old.measurements, **part.measurements}


def _missing_part(explanation: Explanation, role: Asked, gamma: float) -> str:
    """Why there is no part for γ."""
    search = explanation.provenance.get("search", {})
    if search.get("default_class"):
        return REASONS["default class"]
    why: Missing = search.get("missing", {}).get(role, {}).get(f"{gamma}", "not found")
    return REASONS[why]


def _missing(reason: str) -> Measurement:
    return Measurement(None, reason=reason)


def _ran_on(classifier: Classifier) -> str:
    """What an explanation's passes ran on."""
    return "onnxruntime" if isinstance(classifier.model, OnnxNetwork) else classifier.backend.engines
