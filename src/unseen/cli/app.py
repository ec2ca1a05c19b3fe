"""The command line, ``unseen explain`` and its sisters. Heavy packages are imported when a command runs."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App, CycloptsError

from unseen.cli import (
    check,
    check_model,
    classes,
    compare,
    distance,
    evaluate,
    explain,
    export,
    hide,
    listing,
    merge,
    mix,
    page,
    plan,
    report_page,
    retrain,
    train_mae,
)
from unseen.cli.messages import complain
from unseen.cli.options import flowing
from unseen.errors import ParameterError, UnseenError
from unseen.system.shell import is_closed_pipe

INTERRUPTED = 130

app = App(
    name="unseen",
    help="Explain the decisions of image classifiers by hiding parts of the photograph from the model.",
    help_format="plaintext",
    version=lambda: f"unseen {version('unseen')}",
    help_epilogue="Start with: unseen explain photo.jpg\nLook at:    explanations/photo/panel.png",
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
for command, words, told, exit_codes in (
    (explain.explain, "explain PHOTO...", explain.HELP, explain.EXIT_CODES),
    (compare.compare, "compare PHOTO", compare.HELP, compare.EXIT_CODES),
    (hide.hide, "hide PHOTO", hide.HELP, hide.EXIT_CODES),
    (classes.classes, "classes PHOTO...", classes.HELP, classes.EXIT_CODES),
    (evaluate.evaluate, "evaluate PHOTO...", evaluate.HELP, evaluate.EXIT_CODES),
    (export.export, "export FOLDER", export.HELP, ""),
    (merge.merge, "merge FOLDER...", merge.HELP, ""),
    (plan.plan, "plan FILE", plan.HELP, ""),
    (mix.mix, "mix PHOTO...", mix.HELP, ""),
    (retrain.retrain, "retrain [DATA]", retrain.HELP, ""),
    (distance.distance, "distance PHOTO...", distance.HELP, ""),
    (check.check, "check METHOD...", check.HELP, ""),
    (check_model.check_model, "check-model PHOTO", check_model.HELP, check_model.EXIT_CODES),
    (report_page.report, "report FOLDER", report_page.HELP, ""),
    (page.app, "app", page.HELP, ""),
    (train_mae.train_mae, "train-mae FOLDER", train_mae.HELP, ""),
):
    usage = f"Usage: unseen {words} [OPTIONS]"
    app.command(flowing(command), name=words.split()[0], help=told, usage=usage, help_epilogue=exit_codes)
app.command(flowing(listing.listing), name="list", help=listing.HELP, help_epilogue="")


def _check_words(words: Sequence[str]) -> None:
    """Refuse what is empty, as an unset variable of a shell is: it would stand for a default, or for this folder."""
    for before, word in zip(("", *words), words, strict=False):
        if not word.strip():
            where = f"{before} has an empty value" if before.startswith("--") else "an empty word was given"
            raise ParameterError(f"{where}; give a value, or leave it out")
        if word.startswith("--") and word.endswith("="):
            raise ParameterError(f"{word[:-1]} has an empty value; give a value, or leave it out")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code: 0 done, 1 some of it failed, 2 user error, 130 Ctrl-C.

    Args:
        arguments: the words after ``unseen``; those of the process by default.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that the terminal cannot show must not cost the result
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        words = sys.argv[1:] if arguments is None else list(arguments)
        _check_words(words)
        return int(app(words, exit_on_error=False, print_error=False) or 0)
    except (CycloptsError, UnseenError) as error:
        return complain(error)
    except KeyboardInterrupt:
        print("unseen: interrupted; nothing half-written was left", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        if not is_closed_pipe(error):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
