"""Random numbers that belong to a photograph: they do not depend on batches, workers, or what came before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.system.options import Count

Seed = Annotated[int, Count("what all random numbers follow from", 0, 2**63 - 1)]


def stream_of(image: Float[Tensor, "C *space"], seed: int) -> torch.Generator:
    """A generator whose numbers follow from the photograph's pixels and the seed alone."""
    content = blake2b(image.contiguous().cpu().numpy().tobytes(), digest_size=7, key=str(seed).encode())
    return torch.Generator().manual_seed(int.from_bytes(content.digest(), "big"))


@contextmanager
def default_stream(seed: int | None = None) -> Iterator[None]:
    """Torch's own generator for this thread alone, begun at a seed if one is given; as it was before afterwards.

    For what can draw from nothing else, such as the first weights of a layer. Other threads of this package wait.
    """
    with _DEFAULT, torch.random.fork_rng(devices=[]):
        if seed is not None:
            torch.default_generator.manual_seed(seed)
        yield


_DEFAULT = threading.RLock()
