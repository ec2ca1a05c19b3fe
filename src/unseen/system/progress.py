"""Who listens to progress: the command line's bar, a page, a notebook, or nobody."""

from __future__ import annotations

from collections.abc import Callable

ProgressListener = Callable[[str, int, int | None], None]
"""Called as (stage, model evaluations done, model evaluations expected or None)."""
