"""Models in a file of TorchScript: ``torchscript:FILE``."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from unseen.classifier.preprocessing import Preprocessing
from unseen.classifier.zoo.source import ASSUMED, Loaded, local_file
from unseen.errors import ModelError, first_line
from unseen.system.quiet import quiet


def load(name: str, weights: Path | None) -> Loaded:
    """The network of the file, as ``torch.jit.save`` wrote it; it is a program, which runs because it was named.

    Raises:
        ModelError: no such file, or it is of another kind.
    """
    del weights
    path = local_file(name)
    try:
        with quiet():  # of torch's own plans for TorchScript
            network: nn.Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    except Exception as error:  # its reader has no error of its own
        raise ModelError(
            f"{path} is no file of TorchScript ({first_line(error)}); write one with torch.jit.save, or name the "
            "architecture of a checkpoint: NAME@PATH"
        ) from None
    return Loaded(
        network, Preprocessing(), None, assumed=f"{path} does not say how photographs are prepared: {ASSUMED}"
    )
