"""``unseen train-mae``: train a masked autoencoder on a folder of photographs, for the removal ``mae``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unseen.cli.messages import print_json, say
from unseen.cli.options import Flag
from unseen.system.process import tune_allocator, wait_passively
from unseen.system.progress import progress_bar

HELP = """Train a masked autoencoder, which paints hidden parts, on your photographs.

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


def train_mae(
    folder: Annotated[Path, Parameter(name="FOLDER")],
    /,
    *,
    out: Path = Path("autoencoder"),
    epochs: int = 100,
    size: int = 224,
    patch: int = 16,
    width: int = 192,
    depth: int = 4,
    batch: int = 32,
    seed: int = 0,
    device: str = "auto",
    json: Flag = False,
) -> int:
    """Train a masked autoencoder on a folder of photographs.

    Parameters
    ----------
    folder
        Photographs like those that are to be explained; they may lie in folders inside it.
    out
        Folder of the result; a training that was stopped goes on there.
    epochs
        How often every photograph is seen.
    size
        Side of the square photographs that it takes, in pixels; best that of the classifier.
    patch
        Side of a patch in pixels; size must be a multiple of it.
    width
        Width of the encoder, a multiple of 64.
    depth
        Layers of the encoder; the decoder has half as many.
    batch
        Photographs a step.
    seed
        Random seed.
    device
        auto, cpu, cuda, cuda:1, mps.
    json
        Print one JSON object, and nothing else, on stdout.
    """
    wait_passively()
    from unseen.classifier.devices import resolve_device
    from unseen.removal.generative.design import Design
    from unseen.removal.generative.training import PICTURE, MaeTraining, train_autoencoder

    training = MaeTraining(Design(size, patch, width, depth), epochs=epochs, batch=batch, seed=seed)
    where = resolve_device(device)
    tune_allocator()
    with progress_bar("train-mae", unit="photographs") as listener:
        found = train_autoencoder(folder, out, training, device=where, progress=listener)
    if json:
        print_json(found.to_dict())
        return 0
    trained, held_out = found.photographs
    plain = found.plain["normalised convolution"]
    say(f"Trained on {trained} photographs; mean squared error on hidden pixels of {held_out} others:")
    say(f"  {'autoencoder':24}{found.errors[-1]:.5f}")
    for name, error in found.plain.items():
        say(f"  {name:24}{error:.5f}")
    if found.gain <= 0:
        say(f"It is no better than a blur of the neighbours ({plain:.5f}): give it more epochs or photographs.")
    else:
        say(f"It saves {100 * found.gain:.1f} % of the normalised convolution's error.")
    say(f"\nUse it as  --removal mae:{out}\n  {out / PICTURE}")
    return 0
