"""What ``unseen list removals`` says of the sources."""

import pytest

from unseen.removal import REMOVALS

ZERO_INFORMATION = "Lymperopoulos, A Study of Explainable AI: The Concept of Zero Information, 2023"


@pytest.mark.parametrize(
    ("removal", "place"),
    [
        ("noise", "section 6.2"),
        ("add-noise", "section 6.2"),
        ("averaged-max-distance", "section 6.2; its reading is ours"),
        ("dataset-mean", "section 7.2"),
        ("zip", "section 9.4, Algorithm 2"),
        ("zip-decomposition", "section 9.7, Eq. 52"),
        ("mae-zip", "chapter 10, Eq. 56–60"),
    ],
)
def test_every_removal_of_the_thesis_cites_its_own_section(removal: str, place: str) -> None:
    assert REMOVALS[removal].citation == f"{ZERO_INFORMATION}, {place}"
