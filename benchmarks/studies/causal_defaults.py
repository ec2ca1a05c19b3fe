"""What the causal search spends and finds under several settings: the measurement behind its defaults.

    python -m benchmarks.studies.causal_defaults FOLDER --limit 10 --method causal causal:iterations=10
        --out settings.json

For every photograph, setting and γ a search of its own, from nothing: model evaluations, size of the verified part of
each role in per cent of the pixels, seconds in and outside the model. Means with 95 % bootstrap intervals over the
photographs, which are spread evenly over the folder; with ``--skip`` they are drawn at random.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.shared import spread
from unseen import load_classifier, open_photo
from unseen.evaluation.statistics import mean_interval
from unseen.explainers.catalogue import METHODS
from unseen.explanation.roles import Asked
from unseen.inputs.finding import find_photos, sample
from unseen.removal import REMOVALS
from unseen.system.process import tune_allocator

_ORDER = 1
"""Seed of the random order of photographs."""


def measure(
    path: Path, spec: str, gamma: float, roles: Sequence[Asked], classifier: Any, removal: str, seed: int
) -> dict[str, Any]:
    image = classifier.prepare(open_photo(path))
    target = int(classifier.logits(image[None]).argmax())
    masked = REMOVALS.create(removal).bind(classifier, image)
    began = time.perf_counter()
    findings = METHODS.create(spec)(masked, target, confidence=(gamma,), seed=seed, part=roles)
    seconds = time.perf_counter() - began
    parts = {part.role: part for part in findings.parts}
    return {
        "photo": path.name,
        "method": spec,
        "gamma": gamma,
        "evaluations": masked.evaluations,
        "stages": dict(findings.record["evaluations"]),
        "fraction": {role: parts[role].fraction if role in parts else 1.0 for role in roles},
        "verified": len(parts) == len(roles) and all(part.verified for part in parts.values()),
        "minimal": all(part.minimal_block for part in parts.values()),
        "model_seconds": masked.seconds,
        "overhead": seconds / masked.seconds - 1,
    }


def table(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    lines = []
    for spec, gamma in dict.fromkeys((row["method"], row["gamma"]) for row in rows):
        mine = [row for row in rows if (row["method"], row["gamma"]) == (spec, gamma)]
        lines.append(
            {
                "method": spec,
                "gamma": gamma,
                "photographs": len(mine),
                "evaluations": astuple(mean_interval([row["evaluations"] for row in mine]))[:3],
                "fraction": {
                    role: astuple(mean_interval([row["fraction"][role] for row in mine]))[:3]
                    for role in mine[0]["fraction"]
                },
                "verified": sum(row["verified"] for row in mine),
                "overhead": float(np.median([row["overhead"] for row in mine])),
            }
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=10, help="photographs")
    parser.add_argument("--skip", type=int, help="leave out the first so many of photographs in a random order")
    parser.add_argument("--part", nargs="+", default=["sufficient"], metavar="ROLE")
    parser.add_argument("--method", nargs="+", default=["causal"], metavar="SPEC")
    parser.add_argument("--confidence", nargs="+", type=float, default=[0.0, 0.5, 0.9], metavar="GAMMA")
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--removal", default="zero")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    options = parser.parse_args()
    tune_allocator()
    torch.set_num_threads(options.threads)
    classifier = load_classifier(options.model).optimised()
    if options.skip is None:
        paths = spread([options.folder], options.limit)
    else:
        paths = [*sample(find_photos([options.folder]), options.skip + options.limit, _ORDER)[options.skip :]]
    rows = []
    for path in paths:
        for spec in options.method:
            for gamma in options.confidence:
                row = measure(path, spec, gamma, options.part, classifier, options.removal, options.seed)
                rows.append(row)
                sizes = ", ".join(f"{role} {size:.2%}" for role, size in row["fraction"].items())
                print(f"{path.name} {spec} γ {gamma:g}: {sizes}, {row['evaluations']} passes", flush=True)
    lines = table(rows)
    print("\nsetting, γ: passes [95 %], size of each role [95 %], verified, overhead")
    for line in lines:
        passes = line["evaluations"]
        sizes = ", ".join(f"{role} {s[0]:.2%} [{s[1]:.2%}, {s[2]:.2%}]" for role, s in line["fraction"].items())
        print(
            f"{line['method']} {line['gamma']:g}: {passes[0]:.0f} [{passes[1]:.0f}, {passes[2]:.0f}], "
            f"{sizes}, "
            f"{line['verified']}/{line['photographs']}, {line['overhead']:+.1%}"
        )
    if options.out:
        options.out.write_text(
            json.dumps(
                {"options": {k: str(v) for k, v in vars(options).items()}, "table": lines, "rows": rows}, indent=1
            )
            + "\n",
            encoding="utf-8",
        )


if __name__ == "__main__":
    main()
