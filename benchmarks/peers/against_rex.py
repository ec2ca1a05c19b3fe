"""The causal search against ReX (package rex-xai 0.4.1) on the same photographs, network and fill.

    # in an environment of its own, see benchmarks/peers/rex_peer.py
    python -m benchmarks.peers.rex_peer FOLDER --limit 10 --seed 0 --confidence 0,0.9 --fill zero --out rex.json
    # here
    python -m benchmarks.peers.against_rex rex.json [--out against_rex.json]

Both tools see the very same pixels: this script reads the crops that the peer's script saved. For every γ each tool
makes a whole search (map and extraction). Printed for each: model evaluations, processor seconds, size of the part in
per cent of the pixels (mean with a 95 % bootstrap interval over photographs), how many parts pass when evaluated
again alone on the plain network painted with the same fill, and the ratios.
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

from unseen import load_classifier
from unseen.evaluation.statistics import mean_interval
from unseen.explainers.causal.method import Causal
from unseen.inputs.photo import open_photo, to_tensor
from unseen.removal import REMOVALS
from unseen.system.process import tune_allocator

TOOLS = ("rex", "unseen")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", type=Path, help="the JSON that rex_peer.py wrote")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    tune_allocator()
    peer = json.loads(options.peer.read_text())
    rows = [row for photo in peer["photos"] if "parts" in photo for row in compare(options, photo)]
    for gamma in sorted({row["gamma"] for row in rows}):
        report(gamma, [row for row in rows if row["gamma"] == gamma])
    if options.out:
        options.out.write_text(json.dumps({"peer": peer["environment"], "seed": options.seed, "rows": rows}, indent=1))


def compare(options: argparse.Namespace, photo: dict[str, Any]) -> list[dict[str, Any]]:
    plain = load_classifier("efficientnet-lite0")
    fast = plain.optimised()
    image = to_tensor(open_photo(options.peer.parent / photo["input"]))
    target = int(plain.logits(image[None]).argmax())
    rows = []
    for part in photo["parts"]:
        gamma = part["confidence_threshold"]
        masked = REMOVALS.create(photo["fill"]["name"]).bind(fast, image)
        began = time.process_time()
        found = Causal()(masked, target, confidence=(gamma,), seed=options.seed).parts
        seconds = time.process_time() - began
        theirs = torch.from_numpy(np.load(options.peer.parent / part["file"]))
        judge = REMOVALS.create(photo["fill"]["name"]).bind(plain, image, batch_size=1)
        rows.append(
            {
                "photo": photo["photo"],
                "gamma": gamma,
                "rex": {
                    "evaluations": photo["map"]["evaluations"] + part["evaluations"],
                    "seconds": photo["map"]["cpu_seconds"] + part["cpu_seconds"],
                    "fraction": float(theirs.float().mean()),
                    "passes": suffices(judge, theirs, target, gamma),
                },
                "unseen": {
                    "evaluations": masked.evaluations,
                    "seconds": seconds,
                    "fraction": found[0].fraction if found else 1.0,
                    "passes": bool(found) and suffices(judge, found[0].mask, target, gamma),
                },
            }
        )
    return rows


def suffices(judge: Any, mask: torch.Tensor, target: int, gamma: float) -> bool:
    full = judge(torch.ones_like(mask)[None]).softmax(1)[0, target]
    shown = judge(mask[None]).softmax(1)[0]
    return int(shown.argmax()) == target and float(shown[target]) >= gamma * float(full) - 1e-6


def report(gamma: float, rows: list[dict[str, Any]]) -> None:
    print(f"\nγ = {gamma:g}, {len(rows)} photographs")
    for tool in TOOLS:
        values = {key: np.array([row[tool][key] for row in rows], float) for key in rows[0][tool]}
        size, low, high, _ = astuple(mean_interval(values["fraction"] * 100))
        print(
            f"  {tool:7} {values['evaluations'].mean():7.0f} evaluations  {values['seconds'].mean():6.1f} CPU-s  "
            f"part {size:5.1f} % [{low:.1f}, {high:.1f}]  "
            f"{int(values['passes'].sum())} of {len(rows)} pass alone"
        )
    ratio = {
        key: sum(r["rex"][key] for r in rows) / sum(r["unseen"][key] for r in rows)
        for key in ("evaluations", "seconds")
    }
    difference = np.array([(r["unseen"]["fraction"] - r["rex"]["fraction"]) * 100 for r in rows])
    mean, low, high, _ = astuple(mean_interval(difference))
    print(
        f"  {ratio['evaluations']:.1f} × fewer evaluations, {ratio['seconds']:.1f} × less processor time; "
        f"size {mean:+.1f} points [{low:+.1f}, {high:+.1f}], smaller on {(difference < 0).sum()}"
    )


if __name__ == "__main__":
    main()
