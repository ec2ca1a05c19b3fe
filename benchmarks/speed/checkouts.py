"""What explaining a photograph costs here and in another checkout, such as that of an earlier commit.

    git worktree add ../before ee98f0a~1      # the last commit that knew nothing but images
    python -m benchmarks.speed.checkouts ../before [--methods causal:iterations=2@ad occlusion@black …] [--rounds 3]

For every method and removal the evaluations and the processor seconds of both checkouts, the median over the rounds,
and the median ratio with its range: of a whole explanation, which tells more today, and of one evaluation. Processes of
the two take turns, on one thread, with a warm-up before each.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[2]
METHODS = ("causal:iterations=2@ad", "occlusion@black", "occlusion@blur", "grad-cam@ad", "integrated-gradients@black")
RUN = """
import json, sys, time
import torch
torch.set_num_threads(1)
import unseen
model, photo, *methods = sys.argv[1:]
classifier = unseen.load_classifier(model)
found = {}
for words in methods:
    method, _, removal = words.rpartition("@")
    unseen.explain(photo, classifier, method=method, removal=removal)
    began = time.process_time()
    explanation = unseen.explain(photo, classifier, method=method, removal=removal, seed=1)
    found[words] = time.process_time() - began, explanation.provenance["evaluations"]
print(json.dumps(found))
"""
"""What runs in either checkout, which is why it asks for nothing but what both have."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--photo", type=Path, default=HERE / "examples" / "espresso.jpg")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    words = [options.model, str(options.photo.absolute()), *options.methods]
    rounds = [[measured(checkout, words) for checkout in (options.before, HERE)] for _ in range(options.rounds)]
    print("| method@removal | evaluations before, now | seconds before | now | ratio | ratio an evaluation |")
    print("| --- | --- | --- | --- | --- | --- |")
    for method in options.methods:
        before, now = ([one[place][method] for one in rounds] for place in (0, 1))
        ratios = [new[0] / old[0] for old, new in zip(before, now, strict=True)]
        seconds = [statistics.median(one[0] for one in several) for several in (before, now)]
        asked = before[0][1] / now[0][1]
        cells = [f"{seconds[0]:.2f}", f"{seconds[1]:.2f}", _spread(ratios), _spread([one * asked for one in ratios])]
        print(f"| `{method}` | {before[0][1]}, {now[0][1]} | {' | '.join(cells)} |")


def _spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def measured(checkout: Path, words: list[str]) -> dict[str, tuple[float, int]]:
    """Seconds and evaluations of every method in a checkout, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(checkout.absolute() / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", RUN, *words], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{checkout}: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {method: (seconds, evaluations) for method, (seconds, evaluations) in found.items()}


if __name__ == "__main__":
    main()
