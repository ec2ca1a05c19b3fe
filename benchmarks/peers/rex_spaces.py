"""Run rex-xai's spectral and voxel modes on what against_rex_spaces.py wrote.

The peer side of the comparison on signals and volumes. It runs in the environment of rex_peer.py:

    rexenv/bin/python -m benchmarks.peers.rex_spaces FOLDER --seed 0

FOLDER holds for each input NAME: NAME.model.pt (TorchScript, takes shares of the range), NAME.input.npy, and in
inputs.json its class and the value that hides. Written beside them: NAME.rex.npy, rex-xai's responsibility map, and
rex.json, what it cost. The code that searches is rex-xai's own, with its own default parameters.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TQDM_DISABLE", "1")  # read when tqdm is imported

import numpy as np
import torch
from rex_xai.explanation.rex import calculate_responsibility, predict_target
from rex_xai.input.config import CausalArgs
from rex_xai.input.input_data import Data
from rex_xai.responsibility.prediction import default_prediction_function

MODES = {1: "spectral", 3: "voxel"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    inputs = json.loads((options.folder / "inputs.json").read_text())
    costs = {}
    for entry in inputs:
        name = entry["name"]
        found, costs[name] = explain(options.folder, entry, options.seed)
        if found is not None:
            np.save(options.folder / f"{name}.rex.npy", found)
        print(name, costs[name], flush=True)
    (options.folder / "rex.json").write_text(json.dumps(costs, indent=1))


def explain(folder: Path, entry: dict[str, Any], seed: int) -> tuple[Any, dict[str, float]]:
    """rex-xai's map of one input, or ``None`` where no subset passes, and what it cost."""
    network: torch.nn.Module = torch.jit.load(folder / entry["model"])  # type: ignore[no-untyped-call]
    values = torch.from_numpy(np.load(folder / f"{entry['name']}.input.npy"))
    space, spent = values.shape[1:], {"evaluations": 0.0}
    mode = MODES[len(space)]

    def model(batch: torch.Tensor) -> torch.Tensor:
        batch = batch.reshape(-1, 1, *space)
        spent["evaluations"] += len(batch)
        with torch.inference_mode():
            logits: torch.Tensor = network(batch)
        return logits

    args = CausalArgs()
    args.mode, args.seed, args.mask_value = mode, seed, entry["hidden"]
    shape = ["N", 1, *space] if mode == "spectral" else ["N", *space]
    data = Data(values, shape, torch.device("cpu"), mode=mode)
    data.data = values[None] if mode == "spectral" else values
    data.set_mask_value(entry["hidden"])
    predict = default_prediction_function(model)
    began = time.process_time()
    data.target = predict_target(data, args, predict)
    maps, _ = calculate_responsibility(data, args, predict)
    spent["cpu_seconds"] = time.process_time() - began
    found = maps.get(entry["class"])
    return (None if found is None else np.asarray(found, np.float32).reshape(space)), spent


if __name__ == "__main__":
    main()
