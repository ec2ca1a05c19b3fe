from __future__ import annotations

import pytest
import torch

from helpers.cells import SIZE, graded, masked
from unseen.errors import ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.scores import check_score, scored


def test_a_score_that_there_is_not_is_refused() -> None:
    with pytest.raises(ParameterError, match="'odds' must be 'logit' or 'probability'"):
        check_score("odds")
    with pytest.raises(ParameterError, match="odds"):
        METHODS.create("occlusion:score=odds")


def test_scores_come_in_chunks_of_a_batch_and_in_order() -> None:
    asked = masked(graded(2), batch_size=4)
    masks = (torch.rand(10, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    chunks = list(scored(asked, lambda first, last: masks[first:last], 10, [1, 0], "logit"))
    assert [len(some) for some, _ in chunks] == [4, 4, 2]
    assert torch.equal(torch.cat([values for _, values in chunks]), masked(graded(2))(masks)[:, [1, 0]])
