from __future__ import annotations

import pytest
import torch
from torch import Tensor

from helpers.processor import generator
from helpers.unsteady import Unsteady
from unseen import Classifier
from unseen.classifier.rounding import ROUNDING, rounding, tolerance

pytestmark = pytest.mark.numerics


def test_fewer_bits_round_more() -> None:
    cpu = torch.device("cpu")
    shares = [rounding(dtype, cpu) for dtype in (torch.float64, torch.float32, torch.bfloat16)]
    assert shares == sorted(shares)
    allowed = [tolerance(dtype, cpu) for dtype in (torch.float64, torch.float32, torch.bfloat16)]
    assert allowed == sorted(allowed)
    assert all(most > share for most, share in zip(allowed, shares, strict=True))
    assert rounding(torch.float32, cpu) == ROUNDING < rounding(torch.float32, torch.device("cuda"))


@pytest.mark.parametrize("unsteady", [False, True])
def test_a_trained_network_stays_within_it_in_any_batch(classifier: Classifier, photo: Tensor, unsteady: bool) -> None:
    others = torch.rand(7, *photo.shape, generator=generator())
    batches = [torch.cat([photo[None], others[:more]]) for more in (0, 1, 2, 7)]
    if unsteady:
        with Unsteady():
            logits = torch.stack([classifier.logits(batch)[0] for batch in batches])
        assert not torch.equal(logits[0], logits[1])
    else:
        logits = torch.stack([classifier.logits(batch)[0] for batch in batches])
    assert float((logits - logits[0]).abs().max()) < ROUNDING * float(logits.abs().max()) / 2
    likeliest = logits.softmax(1)[:, int(logits[0].argmax())]
    assert float((likeliest - likeliest[0]).abs().max()) < ROUNDING * float(likeliest[0]) / 2
