from __future__ import annotations

import pytest
import torch

from unseen.classifier.outputs import Embedding
from unseen.classifier.outputs.similarity import cosines
from unseen.errors import NotApplicableError, ParameterError

SCORES = torch.tensor([[0.8], [0.4], [0.39], [-0.2]])


def test_it_holds_from_half_of_that_of_the_whole_image_on() -> None:
    bound = Embedding([1.0, 0.0]).bound(torch.tensor([0.8]))
    assert bound.holds(SCORES, 0).tolist() == [True, True, False, False]
    assert Embedding([1.0, 0.0]).bound(torch.tensor([-0.2])).holds(SCORES, 0).tolist() == [True, True, True, True]
    assert Embedding([1.0, 0.0], threshold=0.5).holds(SCORES, 0).tolist() == [True, False, False, False]


def test_its_degree_is_the_similarity_and_never_below_0() -> None:
    torch.testing.assert_close(Embedding([1.0]).degree(SCORES, 0), torch.tensor([0.8, 0.4, 0.39, 0.0]))
    assert Embedding([1.0]).told(0.8) == "0.8"


def test_a_similarity_is_no_probability_and_of_no_image_it_is_not_known_whether_it_holds() -> None:
    with pytest.raises(NotApplicableError, match="no probabilities"):
        Embedding([1.0]).logs(SCORES)
    with pytest.raises(ParameterError, match="known only of an image; give a threshold"):
        Embedding([1.0]).holds(SCORES, 0)
    with pytest.raises(ParameterError, match=r"threshold must be in \[-1, 1\]"):
        Embedding([1.0], threshold=2)


def test_the_cosine_of_nothing_is_0() -> None:
    assert cosines(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]])).tolist() == [[0.0]]
