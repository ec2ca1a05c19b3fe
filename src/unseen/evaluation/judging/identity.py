"""What the results of an evaluation depend on besides the photograph, as it is kept with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from unseen.classifier.fingerprint import structure
from unseen.classifier.outputs.catalogue import OUTPUTS
from unseen.evaluation.content import content_of
from unseen.evaluation.judging.plan import Plan
from unseen.evaluation.judging.subject import Subject

if TYPE_CHECKING:
    from unseen.classifier import Classifier
    from unseen.evaluation.annotations import Annotations


METHODS = 2
"""Raised whenever a method's or a metric's name gives other results than before, beyond rounding."""


def identity_of(plan: Plan, classifier: Classifier, annotations: Annotations | None) -> dict[str, Any]:
    """What two runs must have in common for their results to belong together, ready for JSON.

    ``None`` is what a run does not use. ``files`` holds, by the spec that names them, digests of what files and folders
    hold; two runs must agree on those that both name. Which class is given to a photograph is kept with its results.
    """
    labels = None if classifier.labels is None else _digest(json.dumps(list(classifier.labels)))
    return {
        "model": plan.model_name,
        "target": "given classes" if plan.classes else plan.target,
        "fingerprint": classifier.fingerprint,
        "structure": structure(classifier.model),
        "axes": classifier.preprocessing.axes,
        "preprocessing": _digest(json.dumps(classifier.preprocessing.to_dict())),
        "labels": labels,
        "outputs": OUTPUTS.spec_of(classifier.outputs),
        "confidence": list(plan.confidence) if plan.of_parts else None,
        "part": plan.part if plan.of_parts else None,
        "contexts": _digest(*(Subject.of(path).digest for path in plan.contexts)) if plan.plants else None,
        "annotations": None if annotations is None else annotations.digest,
        "seed": plan.seed,
        "methods": METHODS,
        "files": _files(plan),
    }


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, object, object] | None:
    """In what two identities contradict each other, and both values; ``None`` if they do not."""
    for key, value in now.items():
        known = before.get(key)
        if key == "files":
            noted = known if isinstance(known, dict) else {}
            other = next((name for name in value if noted.get(name, value[name]) != value[name]), None)
            if other is not None:
                return f"content of the files that {other} names", noted[other], value[other]
        elif known != value and not (key in _USED_BY_SOME and (known is None or value is None)):
            return key, known, value
    return None


def merged(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Two identities that do not contradict each other, as one."""
    kept = {key: value if value is not None else before.get(key) for key, value in now.items()}
    return {**kept, "files": {**before.get("files", {}), **now["files"]}}


_USED_BY_SOME = ("confidence", "part", "contexts", "annotations", "structure")


def _files(plan: Plan) -> dict[str, str]:
    things: dict[str, object] = {**plan.removal_of, **{spec: plan.method_of[spec] for spec in plan.methods}}
    found = {spec: content_of(things[spec]) for spec in sorted(things)}
    return {spec: content for spec, content in found.items() if content}


def _digest(*texts: str) -> str:
    digest = sha256()
    for text in texts:
        digest.update(f"{len(text)} {text}".encode(errors="surrogatepass"))
    return digest.hexdigest()
