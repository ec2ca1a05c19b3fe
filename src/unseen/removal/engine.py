"""One engine for one explanation: what its passes run on is decided before anything is asked, and then stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from unseen.classifier.backend import PLAIN, to_come
from unseen.classifier.borrowing import own_precision
from unseen.classifier.failures import out_of_memory
from unseen.removal.masked import MaskedClassifier

_TRIED = 8
"""Masks of the pass on which the engines are compared."""


@contextmanager
def one_engine(masked: MaskedClassifier, coming: int) -> Iterator[None]:
    """Inside, no pass changes its engine; a choice of ``auto`` is made at the beginning, if enough is to come.

    Deciding takes a few passes, which are not counted; see :mod:`unseen.classifier.backend`.

    Args:
        masked: the classifier and its photograph; of what was asked about before, nothing is decided.
        coming: masks that will be evaluated, as far as that is known.

    Example:
        >>> from unseen.removal import REMOVALS
        >>> from unseen.removal.engine import one_engine
        >>> seen = REMOVALS.create("black").bind(classifier, photo)
        >>> with one_engine(seen, coming=1000):
        ...     logits = seen(square[None])
        >>> seen.evaluations
        1
    """
    if not masked.evaluations:
        _decide(masked, coming)
    with to_come(0):
        yield


@torch.no_grad()
def _decide(masked: MaskedClassifier, coming: int) -> None:
    classifier, removal = masked.classifier, masked.removal
    if (removal.inside and not removal.shared) or classifier.box is not None:
        return  # each pass is an optimisation, or somebody else's service
    if not classifier.backend.undecided(removal if removal.inside else PLAIN, coming):
        return
    pixels = masked.pixels.expand(min(_TRIED, masked.batch), *masked.pixels.shape[1:])
    visible = torch.rand(len(pixels), *masked.shape, generator=torch.Generator().manual_seed(0)) > 0.5
    try:
        with own_precision(), to_come(coming):
            if removal.inside:
                masked.forward(pixels, visible.to(pixels))
            else:
                classifier.forward(pixels)
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not out_of_memory(error):  # the search itself halves its batches
            raise
