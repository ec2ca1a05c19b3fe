"""From a photograph to an explanation: prepare, decide the target, bind the removal, search, keep the evidence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Annotated, Any

from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.black_box import METHODS_THAT_ASK, refuse_black_box
from unseen.classifier.borrowing import own_precision
from unseen.classifier.decision import Decision, decide
from unseen.classifier.targets import Target
from unseen.classifier.zoo.loading import classifier_of
from unseen.errors import ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.method import CHANCES, Method
from unseen.explainers.sufficient.search import map_of
from unseen.explanation import Explanation
from unseen.explanation.roles import Asked
from unseen.inputs.geometry import Affine
from unseen.inputs.photo import PhotoSource
from unseen.inputs.space import check_axes
from unseen.inputs.streams import Seed
from unseen.pipeline.backgrounds import Backgrounds, check_contexts, check_provable
from unseen.pipeline.provenance import classifier_record, command, parameters_of, versions
from unseen.removal import REMOVALS, Removal
from unseen.removal.engine import one_engine
from unseen.removal.masked import BatchSize
from unseen.system.arguments import Integer, Real, Reals
from unseen.system.options import Count, Meaning, Options, Share
from unseen.system.progress import Listening, ProgressListener, after, listening

EXPLAINED: tuple[Asked, ...] = ("sufficient", "necessary")
"""The roles of the parts of which a person is told by default."""

BACKGROUNDS = 20
"""Backgrounds on which parts are judged for a person by default."""


@dataclass(frozen=True)
class Request(Options):
    """What is asked of any method, and refused before any work where no method can do it.

    Raises:
        ParameterError: a value of another type, or outside its range.
    """

    confidence: Annotated[
        tuple[float, ...],
        Share("the threshold γ of each part, a share of the rise from what the model says of nothing"),
    ] = (0.5,)
    seed: Seed = 0
    parts: Annotated[int, Count("how many disjoint parts are wanted per role and γ")] = 1
    part: Annotated[tuple[Asked, ...], Meaning("the roles of the wanted parts, at least one")] = ("sufficient",)
    chance: Annotated[
        int, Count("how many sets of the same size and shape each part is compared with; 0 compares with none", 0)
    ] = CHANCES
    robust: Annotated[
        float | None,
        Share("the share ρ of other backgrounds on which a further part must keep the decision", ends="()"),
    ] = None
    contexts: Annotated[
        str | None, Meaning("the backgrounds: 'colours', 'textures', or a folder of photographs; by default both words")
    ] = None
    backgrounds: Annotated[int, Count("on how many backgrounds each part is judged; 0 judges none", 0)] = 0
    batch_size: BatchSize | None = None

    @classmethod
    def of(cls, **given: Any) -> Request:
        """The request of numbers as a user has them, NumPy's or torch's, a single γ and role; arguments as above."""
        if isinstance(given.get("part"), str):
            given["part"] = (given["part"],)
        return cls(**given)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.confidence:
            raise ParameterError("no confidence was given; ask for at least one, e.g. 0.5")
        if not self.part:
            raise ParameterError("no role of a part was given; ask for at least one, e.g. part='necessary'")
        check_contexts(self.contexts)
        if self.robust is not None:
            check_provable(self.robust)


@own_precision()
def explain(
    photo: PhotoSource,
    classifier: str | Classifier = "efficientnet-lite0",
    *,
    method: str | Method = "causal",
    removal: str | Removal = "ad",
    target: Target | None = None,
    confidence: Reals = (0.5,),
    seed: Integer = 0,
    parts: Integer = 1,
    part: str | Iterable[str] = EXPLAINED,
    chance: Integer = CHANCES,
    robustness: Real | None = None,
    contexts: str | PathLike[str] | None = None,
    backgrounds: Integer = BACKGROUNDS,
    batch_size: Integer | None = None,
    progress: Listening = None,
) -> Explanation:
    """Explain why a classifier sees ``target`` in a photograph.

    Args:
        photo: path, PIL image, array or tensor; see :meth:`unseen.Classifier.prepare` for which of them pass untouched.
        classifier: the model, or a name for :func:`unseen.load_classifier`, which is made fast as by
            :meth:`unseen.Classifier.optimised`: about twice as fast on a CPU.
        method: how to search, as an object or a spec such as ``"causal:iterations=20"``.
        removal: how parts are hidden from the model, as an object or a spec such as ``"ad:pooled"``.
        target: class index or label; of findings also their absence ("no pneumonia") or several at once, as a list or
            "a + b"; by default the model's top class on the full photograph.
        confidence: thresholds γ in [0, 1], one or several: a part suffices if the decision holds and the share γ of the
            rise is kept, from what the model says of the target when nothing is visible to what it says of the whole
            photograph; it is necessary if without it the decision does not hold and γ of the rise is gone. One part of
            each role is searched for each γ.
        seed: random seed.
        parts: how many disjoint parts to look for, at least 1.
        part: the roles of the parts, one or several of ``"sufficient"``, ``"necessary"`` and ``"both"`` at once.
        chance: how many other sets of the same size and shape each part is compared with; 0 compares with none.
        robustness: ask also for the smallest part found that keeps the decision, by the unmodified model, when its
            pixels are planted on at least this share ρ of other backgrounds, in (0, 1); ρ is proved on backgrounds that
            the search never saw, by a one-sided 95 % bound.
        contexts: those backgrounds: ``"colours"``, ``"textures"``, a folder of photographs, or by default colours and
            textures by turns. Backgrounds that are of the target themselves are left out.
        backgrounds: on how many of them every other part is judged; 0 judges none.
        batch_size: masks per pass; chosen from the device by default. Results do not depend on it beyond
            floating-point rounding.
        progress: ``True`` draws a bar, in a terminal or a notebook; a function is told of every batch: (stage,
            evaluations done, evaluations in all when the stage is over, or ``None`` where they cannot be counted); the
            last call has those of the record as both.

    Returns:
        Saliency map, parts, curve, notes and the provenance to run it again.

    Raises:
        UnseenError: one of its kinds, for every input that cannot be explained.

    Example:
        >>> from unseen import explain
        >>> explanation = explain(photo, classifier, confidence=0.9)
        >>> explanation.label, explanation.parts[0].verified
        ('red', True)
    """
    request = Request.of(
        confidence=confidence,
        seed=seed,
        parts=parts,
        part=part,
        chance=chance,
        robust=robustness,
        contexts=None if contexts is None else fspath(contexts),
        backgrounds=backgrounds,
        batch_size=batch_size,
    )
    search, hide = METHODS.resolve(method), REMOVALS.resolve(removal)
    model = classifier_of(classifier)
    check_applicable(model, search, hide)
    decision = decide(photo, model, target, batch_size=request.batch_size)
    with listening(progress, Path(photo).name if isinstance(photo, (str, PathLike)) else "photograph") as listener:
        return explain_decision(decision, search, hide, request, progress=listener)


@own_precision()
def explain_decision(
    decision: Decision,
    method: Method,
    removal: Removal,
    request: Request,
    *,
    progress: ProgressListener | None = None,
) -> Explanation:
    """Explain what a model said; :func:`explain` decides, then calls this.

    The explanation's evaluations and seconds include those of the decision.
    """
    began = time.perf_counter()
    model, image = decision.classifier, decision.image
    check_applicable(model, method, removal)
    listener = after(decision.evaluations, progress)
    masked = removal.bind(model, image, batch_size=request.batch_size, progress=listener, geometry=decision.geometry)
    backgrounds = Backgrounds(
        masked,
        decision.target,
        decision.photo_record["sha256"],
        request.contexts,
        request.backgrounds,
        request.robust,
        request.chance,
        request.seed,
    )
    backgrounds.check()
    model.backend.passes.clear()
    with one_engine(masked, 0):
        findings = method(
            masked,
            decision.target,
            confidence=request.confidence,
            seed=request.seed,
            parts=request.parts,
            part=request.part,
            chance=request.chance,
        )
        found, told = backgrounds.judged(findings)
    asked = {"target": decision.asked, **asdict(request)}
    method_spec = METHODS.spec_of(method)
    return Explanation(
        image=image,
        saliency=findings.saliency,
        target=decision.target,
        label=decision.label,
        probability=decision.probability,
        unit=model.outputs.unit,
        method=method_spec,
        removal=removal.name,
        parts=found,
        curve=findings.curve,
        notes=(*decision.notes, *findings.notes, *told, *masked.notes, *model.backend.notes),
        provenance={
            "versions": versions(),
            "photo": decision.photo_record,
            "prepared": decision.prepared.to_dict() if decision.prepared else None,
            "classifier": classifier_record(model, len(decision.probabilities)),
            "decision": {"top": decision.top},
            "method": {"spec": method_spec, **parameters_of(method)},
            "removal": removal.to_dict(),
            "request": asked,
            "command": command(decision.photo, model, method_spec, removal.name, asked),
            "search": dict(findings.record),
            "batch": masked.batch,
            "evaluations": masked.evaluations + decision.evaluations,
            "seconds": time.perf_counter() - began + decision.seconds,
            "model_seconds": masked.seconds,
        },
        photo=decision.photo,
    )


def check_applicable(classifier: Classifier, method: Method, removal: Removal) -> None:
    """Refuse a method and a removal that have no rule for the classifier's kind of input or model, before any work.

    Raises:
        NotApplicableError: one of them has none for a signal or a volume, or looks inside a model of which only the
            answers are known.
    """
    who, space = f"method {METHODS.spec_of(method)!r}", classifier.preprocessing.size
    check_axes(who, method.axes, space, "choose a method that has a rule, such as 'occlusion'")
    removal.check_axes(space)
    if method.inside:
        refuse_black_box(classifier.model, classifier.name, who, METHODS_THAT_ASK)
    removal.check_black_box(classifier)


def explainer(
    method: Method, removal: Removal, seed: int = 0, geometry: Affine | None = None
) -> Callable[[Classifier, Tensor, int], Tensor]:
    """(classifier, image ``(C, *space)``, class) → the map ``space``: what metrics call to ask a method again.

    A method whose map does not depend on the removal is asked under a plain fill, which every network takes. All
    images lie on the photograph as ``geometry`` says.
    """
    hiding = removal if method.uses_removal else REMOVALS.create("zero")

    def explained(classifier: Classifier, image: Tensor, target: int) -> Tensor:
        return map_of(method, hiding.bind(classifier, image, geometry=geometry), target, seed)

    return explained
