"""The steps of Adam against torch's own, which is too slow to import to be used."""

from __future__ import annotations

import pytest
import torch

from unseen.classifier.adam import Adam, settled


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_steps_are_those_of_torch(dtype: torch.dtype) -> None:
    start = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=dtype)
    theirs, ours = start.clone().requires_grad_(), start.clone()
    reference, adam = torch.optim.Adam([theirs], lr=0.1), Adam(ours)
    for number in range(30):
        rate = 0.1 * (1 - number / 30)
        reference.param_groups[0]["lr"] = rate
        theirs.grad = theirs.detach() ** 3 - number * 0.01
        reference.step()
        ours = ours - adam(ours**3 - number * 0.01, rate)
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-5, atol=1e-5)


def test_rows_keep_moments_of_their_own() -> None:
    gradient = torch.tensor([[1.0, -2.0], [3.0, 0.5]])
    both, alone = Adam(torch.zeros(2, 2)), Adam(torch.zeros(1, 2))
    first, second = torch.tensor([0]), torch.tensor([0, 1])
    both(gradient[:1], 0.1, first)
    alone(gradient[:1], 0.1)
    found = both(gradient, 0.1, second)
    torch.testing.assert_close(found[:1], alone(gradient[:1], 0.1))
    assert bool((both.mean[1] == 0.1 * gradient[1]).all())  # its first step: nothing of the other row entered


def test_what_hardly_falls_any_more_has_settled() -> None:
    falls = torch.tensor([[1.0, 1.0, 1.0], [0.5, 0.2, 0.9], *[[0.4, 0.2, 1.1]] * 17, [0.0, 0.19, 1.2]])
    assert settled(falls).tolist() == [False, True, True]  # the last one was best long before
    assert not settled(falls[:1]).any()
    assert settled(torch.ones(5))
