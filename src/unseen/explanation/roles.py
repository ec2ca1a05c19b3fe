"""What a part does, or why there is none: words that records, options and pictures share."""

from __future__ import annotations

from typing import Literal

Asked = Literal["sufficient", "necessary", "both"]
"""What can be asked of a part: that it suffices, that the decision needs it, or both."""

Role = Literal["sufficient", "necessary", "both", "robust"]
"""What a part does: what was asked, or it suffices on most other backgrounds."""

Missing = Literal["default class", "empty", "not found"]
"""Why there is no part: the class is the model's answer to nothing; nothing is needed for it; none was found."""

REASONS: dict[Missing, str] = {
    "default class": "the class is the model's answer to nothing: no part makes it",
    "empty": "nothing is needed for what was asked: the part would be empty",
    "not found": "no part was found",
}
"""The same in words."""
