"""The command line, ``unseen explain`` and its sisters. Heavy packages are imported when a command runs."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App, CycloptsError

from unseen.cli.messages import complain
from unseen.errors import ParameterError, UnseenError
from unseen.system.shell import is_closed_pipe

INTERRUPTED = 130
EXPLAIN_HELP = """Find and show the parts of photographs that cause a model's decision.

For each PHOTO the folder OUT/NAME, named like the photograph, receives
panel.png (look at it first), overlay.png, part.png, saliency.npy, arrays.npz
and explanation.json. An earlier explanation there is replaced.

  unseen explain cat.jpg
  unseen explain cat.jpg dog.jpg holiday/ --out results
  unseen explain cat.jpg --target "tiger cat"
  unseen explain cat.jpg --confidence 0.5 --confidence 0.9
  unseen explain cat.jpg --removal ad:pooled --json

No method is best for every photograph: "aggregate" mixes several with the
weights that serve robustness, faithfulness or both best on this one, and shows
each weight and what the mixture gains where it was not fitted.

  unseen explain cat.jpg --method aggregate --of grad-cam,occlusion,rise
  unseen explain cat.jpg --method aggregate --of causal,rise:masks=500 \\
    --for both --lambda 0.3
"""
COMPARE_HELP = """Compare methods and removals on one photograph, on one sheet.

OUT receives sheet.png (look at it first: a column for each method, a row for
each removal), comparison.json, and for each cell the folder METHOD-REMOVAL with
all that "unseen explain" writes. Each cell is saved as soon as it is done; stop
it whenever you like. A cell that fails says why in its place on the sheet.
Maps of one method share a colour scale; those of two methods differ in unit.

  unseen compare cat.jpg
  unseen compare cat.jpg --methods causal,occlusion,rise:masks=1000
  unseen compare cat.jpg --removals ad,ad:pooled,fill=neighbour,grey
  unseen compare cat.jpg --target "tiger cat" --out tiger --json
"""
EVALUATE_HELP = """Judge explanations of many photographs, under every removal.

By default parts that suffice are searched for every photograph, method, removal
and γ, and judged: their size, their confidence, and how often the unmodified
network still names their class when they are planted on solid colours and on
photographs of other classes. Other --metrics judge the map instead, beside
controls that know nothing of the model; a metric that cannot tell the methods
from them says so. OUT receives results.sqlite (query it), report.md, tables.csv
and pictures. Stop it whenever you like: the same command goes on where it was,
and photographs, methods, removals, metrics or backgrounds are added to what is
there. Tests of parts compare the other removals with ad, or else the first.

  unseen evaluate photos/ --limit 20 --workers 0
  unseen evaluate photos/ --removals ad,grey,ad:pooled --confidence 0.5,0.9
  unseen evaluate photos/ --metrics size,robustness-colours --backgrounds 25
  unseen evaluate photos/ --methods grad-cam,occlusion --removals grey,ad \\
    --metrics insertion,deletion:steps=28,average-drop@blur
  unseen evaluate coco/ --metrics pointing-game --annotations instances.json
  unseen evaluate photos/ --backend onnxruntime --out results
"""
RETRAIN_HELP = """Judge methods by networks that are trained anew, on a small data set.

DATA is digits (1,797 handwritten digits), faces (200 patches), or your folder
with one folder of photographs per class. By metric:

roar                hide the most important pixels of all photographs and train
                    anew: accuracy should fall further than when random pixels
                    are hidden
kar                 hide the least important ones: accuracy should stay
data-randomisation  maps should change when a network learns shuffled labels

The controls random, uniform and edges are always judged, too; a method that
cannot be told from them is said to be so. OUT receives METRIC.json and
METRIC.png. Stop it whenever you like: the same command goes on where it was,
and methods, shares and repeats can be added.

  unseen retrain
  unseen retrain digits --methods saliency,grad-cam --limit 600 --leak
  unseen retrain flowers/ --metric kar --removal grey --shares 0.5,0.9
  unseen retrain --metric data-randomisation --limit 600
"""
DISTANCE_HELP = """Measure how far photographs with a part hidden are from photographs.

A removal may show the model something that it has never met. Here random parts
of each PHOTO stay visible, the rest is hidden by each removal, and what the
model's head receives (its penultimate features) is compared with what it
receives of other photographs: by the distance to the nearest of them and by
Mahalanobis' distance from all, of which 1 is as far as a photograph is; and by
a linear discriminant, which finds the one way in which all are moved. The
AUROC says how well each tells hidden from whole, 0.5 not at all. A removal that
paints nothing, such as ad, is judged by what the head receives under the mask.

OUT receives report.md, distances.csv (each photograph), distance.png and
features.png (look at them first). Stop it whenever you like: the same command
goes on where it was, and photographs, removals or fractions can be added.

  unseen distance photos/ --limit 40
  unseen distance mine/ --reference photos/ --removals grey,ad --fractions 0.5
  unseen distance photos/ --limit 40 --form window --removals blur:20,mae:my-mae
"""
CHECK_HELP = """Hold criteria against methods: what holds, what fails and on which witness.

Each METHOD, with its options, is asked on small networks with a known property.
A criterion holds on all of them, fails on one, or is not applicable. Give "all"
for every method. No photograph is needed; all takes some minutes.

  unseen check integrated-gradients saliency
  unseen check shapley:segments=20 --criteria symmetry,conservation --witness
  unseen check occlusion --removal ad
  unseen check all --markdown > table.md
"""
TRAIN_MAE_HELP = """Train a masked autoencoder, which paints hidden parts, on your photographs.

FOLDER holds photographs like those that you want explained, some hundreds or
more. OUT receives the autoencoder in the format of transformers, training.json
(errors after every epoch) and reconstruction.png (look at it first). A tenth of
the photographs is held out: on them the autoencoder must guess hidden patches
better than a normalised convolution, a blur of what is visible around them.
Stop it whenever you like: the same command goes on where it was. Nothing is
downloaded; it needs "unseen[transformers]", and is best run on a GPU.

  unseen train-mae holiday/ --out holiday-mae
  unseen train-mae holiday/ --out holiday-mae --epochs 400 --device cuda
  unseen train-mae holiday/ --size 64 --patch 8 --width 128 --depth 2
  unseen explain cat.jpg --removal mae:holiday-mae
"""
EXIT_CODES = """Exit codes: 0 all explained; 1 some photographs failed, the others are
explained; 2 nothing was explained; 130 interrupted. Every error is one line
on stderr."""
COMPARE_EXIT_CODES = """Exit codes: 0 all cells explained; 1 some cells failed, the others are
explained; 2 nothing was explained; 130 interrupted. Every error is one line
on stderr."""
EVALUATE_EXIT_CODES = """Exit codes: 0 all evaluated; 1 some photographs or metrics failed, the others
are there; 2 nothing was evaluated; 130 interrupted. Every error is one line on
stderr; a failure is a row with its reason."""

app = App(
    name="unseen",
    help="Explain the decisions of image classifiers by hiding parts of the photograph from the model.",
    help_format="plaintext",
    version=lambda: f"unseen {version('unseen')}",
    help_epilogue="Start with: unseen explain photo.jpg\nLook at:    explanations/photo/panel.png",
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
app.command(
    "unseen.cli.explain:explain",
    name="explain",
    help=EXPLAIN_HELP,
    usage="Usage: unseen explain PHOTO... [OPTIONS]",
    help_epilogue=EXIT_CODES,
)
app.command(
    "unseen.cli.compare:compare",
    name="compare",
    help=COMPARE_HELP,
    usage="Usage: unseen compare PHOTO [OPTIONS]",
    help_epilogue=COMPARE_EXIT_CODES,
)
app.command(
    "unseen.cli.evaluate:evaluate",
    name="evaluate",
    help=EVALUATE_HELP,
    usage="Usage: unseen evaluate PHOTO... [OPTIONS]",
    help_epilogue=EVALUATE_EXIT_CODES,
)
app.command(
    "unseen.cli.retrain:retrain",
    name="retrain",
    help=RETRAIN_HELP,
    usage="Usage: unseen retrain [DATA] [OPTIONS]",
    help_epilogue="",
)
app.command(
    "unseen.cli.distance:distance",
    name="distance",
    help=DISTANCE_HELP,
    usage="Usage: unseen distance PHOTO... [OPTIONS]",
    help_epilogue="",
)
app.command(
    "unseen.cli.check:check",
    name="check",
    help=CHECK_HELP,
    usage="Usage: unseen check METHOD... [OPTIONS]",
    help_epilogue="",
)
app.command(
    "unseen.cli.train_mae:train_mae",
    name="train-mae",
    help=TRAIN_MAE_HELP,
    usage="Usage: unseen train-mae FOLDER [OPTIONS]",
    help_epilogue="",
)
app.command(
    "unseen.cli.listing:listing",
    name="list",
    help="List the models, methods, removals, metrics or criteria that can be chosen by name.",
    help_epilogue="",
)


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
