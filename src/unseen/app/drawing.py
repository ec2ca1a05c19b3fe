"""Small pieces of the page as HTML: everything that is put in is escaped here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import torch

from unseen.app.jobs import Progress
from unseen.classifier.decision import Decision
from unseen.classifier.outputs.readings import told
from unseen.errors import one_line
from unseen.explanation import Explanation
from unseen.explanation.html import encoding
from unseen.explanation.plotting import pixels
from unseen.explanation.plotting.flat import Flat, flat

WAITING = '<p class="unseen-note" role="status">Waiting for the model.</p>'


def note(text: str) -> str:
    """A sentence that is read aloud when it comes."""
    return f'<p class="unseen-note" role="status">{escape(text)}</p>' if text else ""


def listed(meanings: Mapping[str, str]) -> str:
    """Names, each with what it means."""
    rows = "".join(f"<div><dt>{escape(name)}:</dt> <dd>{escape(text)}</dd></div>" for name, text in meanings.items())
    return f'<dl class="unseen-chosen">{rows}</dl>'


def refusal(error: BaseException) -> str:
    """What went wrong, in one line."""
    return f'<p class="unseen-error" role="alert">{escape(one_line(error))}</p>'


def progress(now: Progress) -> str:
    """How far the work is: a bar, the stage, the count, and how long that stage will still take."""
    bar = "<progress></progress>"
    counted = f"{now.done:,} evaluations" if now.done else ""
    if now.expected:
        bar = f'<progress value="{now.done}" max="{now.expected}"></progress>'
        counted = f"{now.done:,} of {now.expected:,} evaluations"
    left = "" if now.left is None else f"about {_seconds(now.left)} left"
    words = "; ".join(filter(None, [now.stage, counted, left]))
    return f'<div class="unseen-progress">{bar}<span>{escape(words)}</span></div>'


def _seconds(count: float) -> str:
    return f"{max(1, round(count))} s" if count < 90 else f"{round(count / 60)} min"


def seen(decision: Decision) -> str:
    """The signal, or a volume's slices through its middle, as a picture; what was dropped shows nothing of itself."""
    prepared = decision.prepared
    given = Explanation(
        image=decision.image,
        saliency=torch.zeros(decision.image.shape[1:]),
        target=decision.target,
        label=decision.label,
        probability=decision.probability,
        method="",
        removal="",
        provenance={"prepared": prepared.to_dict() if prepared else None},
        unit=decision.classifier.outputs.unit,
    )
    drawn = flat(given, [side // 2 for side in given.saliency.shape])
    source = encoding.photograph(pixels.photograph(drawn.image))
    words = escape(drawn.caption if isinstance(drawn, Flat) else "")
    return f'<figure class="unseen-seen"><img src="{source}" alt="{words}"><figcaption>{words}</figcaption></figure>'


def bars(top: Sequence[Mapping[str, Any]], unit: str | None, target: int | None = None) -> str:
    """The likeliest classes, each with its bar; the one that is followed stands out also without colour.

    Args:
        top: index, label and probability of each, best first.
        unit: of a value, which has no bar.
        target: index of the class that is followed.
    """
    rows = []
    for guess in top:
        share = guess["probability"] if unit is None else 0.0
        mark = ' class="followed"' if guess["index"] == target else ""
        rows.append(
            f"<li{mark}><span>{escape(guess['label'])}</span><b>{escape(told(guess['probability'], unit))}</b>"
            f'<i style="width:{100 * share:.1f}%"></i></li>'
        )
    return f'<ol class="unseen-bars">{"".join(rows)}</ol>'
