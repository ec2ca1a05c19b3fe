"""``unseen check-model``: all checks of a model on one photograph, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from unseen.cli.loading import loaded
from unseen.cli.messages import print_json, say
from unseen.cli.options import BUNDLED, Flag, ModelChoice
from unseen.system.names import lines_of
from unseen.system.process import wait_passively

if TYPE_CHECKING:
    from unseen.pipeline.check_model import ModelCheck

HELP = """Check a model on a photograph, before anything is explained.

An explanation can be no better than its model allows. The model must say the
same when it is asked again, in another batch or in another thread; gradient
methods need its gradients; ad, the default removal, must be able to follow its
layers. Every method checks what it needs, and refuses the model if need be.
Here all checks are made at once. Each has a line: what was measured, or why it
fails and what helps.

  unseen check-model cat.jpg
  unseen check-model cat.jpg --model torchvision:resnet50 --labels names.txt
  unseen check-model cat.jpg --model timm:vit_base_patch16_224@mine.pt --json

What each check means: the page "What can go wrong" of the manual.
"""
EXIT_CODES = """Exit codes: 0 nothing fails (read what is noted); 1 some checks fail; 2 nothing
was checked, for the model or the photograph cannot be used; 130 interrupted."""

_MARKS = {"holds": "✓", "fails": "✗", "noted": "–"}


def check_model(
    photo: Path,
    /,
    *,
    chosen: ModelChoice = BUNDLED,
    onnx: Flag = False,
    json: Flag = False,
) -> int:
    """Check a model on a photograph, before anything is explained.

    Parameters
    ----------
    photo
        Any photograph of the kind that the model is for.
    onnx
        Compare it also with its copy on ONNX Runtime, which takes some ten seconds.
    json
        Print one JSON object a line for each check, and nothing else, on stdout.
    """
    wait_passively()
    from unseen.pipeline.check_model import check_model as check

    found = check(loaded(chosen), photo, onnx=onnx, progress=True)
    if json:
        for one in found:
            print_json({"model": chosen.model, "photo": str(photo), **asdict(one)})
    else:
        say(_as_text(found))
    return int(any(one.status == "fails" for one in found))


def _as_text(found: Sequence[ModelCheck]) -> str:
    width = max(len(one.name) for one in found)
    rows = [f"{_MARKS[one.status]} {one.name:{width}}  {one.measured}{_cost(one)}" for one in found]
    passes, seconds = sum(one.passes for one in found), sum(one.seconds for one in found)
    total = f"{passes} model passes, {seconds:.1f} s"
    return lines_of([*rows, "", f"✓ holds   ✗ fails   – to note, or not asked   ({total})"])


def _cost(one: ModelCheck) -> str:
    return f" ({one.passes} {'pass' if one.passes == 1 else 'passes'})" if one.passes else ""
