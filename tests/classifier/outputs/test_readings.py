from __future__ import annotations

import pytest

from unseen.classifier.outputs import OUTPUTS
from unseen.classifier.outputs.readings import percent, told


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0, "0 %"), (1.0, "100 %"), (0.5, "50.0 %"), (0.953, "95.3 %"), (0.0042, "0.42 %"), (0.99942, "99.94 %"),
        (1e-9, "< 0.01 %"), (1 - 1e-9, "> 99.99 %"),
    ],
)  # fmt: skip
def test_a_share_is_never_rounded_to_none_or_all(share: float, said: str) -> None:
    assert percent(share) == said


def test_values_have_their_unit_and_messages_say_the_same_as_pictures() -> None:
    assert told(41.256, "years") == "41.26 years"
    assert told(41.256, "") == "41.26"
    assert OUTPUTS.create("logits").told(0.99999) == told(0.99999, None) == "> 99.99 %"
    assert OUTPUTS.create("value:unit=years").told(3) == "3 years"
