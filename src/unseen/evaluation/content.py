"""What the files hold that a method or a removal reads: a name does not say it, and results follow from it."""

from __future__ import annotations

from unseen.errors import UnseenError


def content_of(thing: object) -> str:
    """The digest of what the files hold that a method or a removal reads; empty where it reads none, or cannot."""
    try:
        return str(getattr(thing, "content", ""))
    except UnseenError:  # told when it is used
        return ""
