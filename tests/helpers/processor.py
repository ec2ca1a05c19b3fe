"""How a test run was asked to compute: ``make test-numerics`` sets these variables of the environment.

``UNSEEN_TEST_SEED`` is added to the seeds of helpers and given to hypothesis, ``UNSEEN_TEST_THREADS`` is the number of
torch's threads, and ``UNSEEN_TEST_PROCESSOR=unsteady`` plays :mod:`helpers.unsteady`.
"""

from __future__ import annotations

import os

import torch

SEED = int(os.environ.get("UNSEEN_TEST_SEED", "0"))
THREADS = int(os.environ.get("UNSEEN_TEST_THREADS", "1"))
UNSTEADY = os.environ.get("UNSEEN_TEST_PROCESSOR") == "unsteady"


def generator(seed: int = 0) -> torch.Generator:
    """A stream that belongs to a seed of the test and to that of the run."""
    return torch.Generator().manual_seed(seed + 1000 * SEED)
