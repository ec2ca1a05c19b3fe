"""What the causal search spends and finds under several settings: the measurement behind its defaults.

    python -m benchmarks.studies.causal_defaults FOLDER --limit 10 --method causal causal:iterations=10
        --out settings.json

For every photograph, setting and γ a search of its own, from nothing: model evaluations, size of the verified part in
per cent of the pixels, seconds in and outside the model. Means with 95 % bootstrap intervals over the photographs.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.shared import spread
from unseen import load_classifier, open_photo
from unseen.evaluation.statistics import mean_interval
from unseen.explainers.catalogue import METHODS
from unseen.removal import REMOVALS
from unseen.system.process import tune_allocator


def measure(path: Path, spec: str, gamma: float, classifier: Any, removal: str, seed: int) -> dict[str, Any]:
    image = classifier.prepare(open_photo(path))
    target = int(classifier.logits(image[None]).argmax())
    masked = REMOVALS.create(removal).bind(classifier, image)
    began = time.perf_counter()
    findings = METHODS.create(spec)(masked, target, confidence=(gamma,), seed=seed)
    seconds = time.perf_counter() - began
    part = findings.parts[0] if findings.parts else None
    return {
        "photo": path.name,
        "method": spec,
        "gamma": gamma,
        "evaluations": masked.evaluations,
        "stages": dict(findings.record["evaluations"]),
        "fraction": part.fraction if part else 1.0,
        "verified": bool(part and part.verified),
        "minimal_block": part.minimal_block if part else None,
        "first_passing": part.first_passing if part else None,
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
                "fraction": astuple(mean_interval([row["fraction"] for row in mine]))[:3],
                "prefix": float(np.mean([row["first_passing"] or 1.0 for row in mine])),
                "verified": sum(row["verified"] for row in mine),
                "overhead": float(np.median([row["overhead"] for row in mine])),
            }
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=10, help="photographs, spread evenly over the folder")
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
    rows = []
    for path in spread([options.folder], options.limit):
        for spec in options.method:
            for gamma in options.confidence:
                row = measure(path, spec, gamma, classifier, options.removal, options.seed)
                rows.append(row)
                print(f"{path.name} {spec} γ {gamma:g}: {row['fraction']:.2%}, {row['evaluations']} passes", flush=True)
    lines = table(rows)
    print("\nsetting, γ: passes [95 %], size [95 %], prefix before minimisation, verified, overhead")
    for line in lines:
        passes, size = line["evaluations"], line["fraction"]
        print(
            f"{line['method']} {line['gamma']:g}: {passes[0]:.0f} [{passes[1]:.0f}, {passes[2]:.0f}], "
            f"{size[0]:.2%} [{size[1]:.2%}, {size[2]:.2%}], {line['prefix']:.1%}, "
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
