"""What the benchmarks have in common: which photographs they take, and how sure a share of them is."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from unseen.errors import UnseenError
from unseen.inputs.finding import find_photos, sample
from unseen.system.process import tune_allocator

_CPU = torch.device("cpu")


def spread(sources: Sequence[Path], limit: int) -> list[Path]:
    """At most ``limit`` photographs, spread evenly over the sorted names."""
    files = find_photos(list(sources))
    count = min(limit, len(files))
    return [files[i * len(files) // count] for i in range(count)]


def wilson(successes: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share; 95 % by default."""
    share = successes / count
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * (share * (1 - share) / count + z**2 / (4 * count**2)) ** 0.5 / (1 + z**2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def seconds(run: Callable[[], object], device: torch.device = _CPU) -> float:
    """What something takes: processor time on the CPU, and the time until the device is done elsewhere."""
    if device.type == "cpu":
        began = time.process_time()
        run()
        return time.process_time() - began
    torch.accelerator.synchronize(device)
    began = time.perf_counter()
    run()
    torch.accelerator.synchronize(device)
    return time.perf_counter() - began


def study(description: str) -> argparse.ArgumentParser:
    """The options of a study that goes on where it stopped; see :func:`resumed`."""
    parser = argparse.ArgumentParser(
        description=description.replace("%", "%%"), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    return parser


def resumed(asked: argparse.Namespace, measure: Callable[[Path], Any]) -> list[Any]:
    """What ``measure`` says of each photograph that is asked for, ready for JSON; one that cannot be measured is told.

    Photographs are drawn at random by the seed, and the first ``skip`` of them are left out. Each is kept in ``out`` as
    soon as it is measured; none is begun after ``minutes``.
    """
    began = time.monotonic()
    tune_allocator()
    torch.set_num_threads(1)
    chosen = sample(find_photos([asked.folder]), asked.skip + asked.limit, asked.seed)[asked.skip :]
    known = json.loads(asked.out.read_text(encoding="utf-8")) if asked.out and asked.out.exists() else {}
    for path in chosen:
        if path.name in known or time.monotonic() - began > 60 * asked.minutes:
            continue
        try:
            known[path.name] = measure(path)
        except UnseenError as error:
            print(f"{path.name}: {error}", flush=True)
            continue
        if asked.out:
            asked.out.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        print(f"{path.name}: {time.monotonic() - began:.0f} s", flush=True)
    return [known[path.name] for path in chosen if path.name in known]
