"""Trials as cards side by side: a removal each, with what the model gets and its five best classes."""

from __future__ import annotations

from html import escape

from torch import Tensor

from unseen.app import drawing
from unseen.classifier.outputs.readings import told
from unseen.explanation.html import encoding
from unseen.trials.pictures import Flats
from unseen.trials.sheet import changed
from unseen.trials.trial import RemovalTrial, View
from unseen.trials.trials import Trials


def cards(trials: Trials) -> str:
    """A card for each removal; of one that failed its reason."""
    return f'<div class="unseen-cards">{"".join(_card(trial, trials) for trial in trials.trials)}</div>'


def summary(number: int, trials: Trials) -> str:
    """A trial that is kept, small enough that several stand beside each other."""
    decision, unit = trials.decision, trials.decision.classifier.outputs.unit
    source = encoding.photograph(_drawn(trials).marked())
    rows = "".join(
        f"<tr><th>{escape(trial.removal)}</th>"
        f"<td>{_reading(trial.hidden, unit)}</td><td>{_reading(trial.shown, unit)}</td></tr>"
        for trial in trials.trials
    )
    return (
        f'<article><h4>{number}. {escape(decision.label)}</h4><img src="{source}" alt="The part in its colours">'
        f"<table><thead><tr><th></th><th>without</th><th>alone</th></tr></thead><tbody>{rows}</tbody></table></article>"
    )


def _card(trial: RemovalTrial, trials: Trials) -> str:
    head = f"<article><h4>{escape(trial.removal)}</h4>"
    if trial.hidden is None or trial.shown is None:
        return f"{head}{drawing.refusal(trial.error or ValueError('failed'))}</article>"
    mask = trials.part.mask
    views = _view("without it", trial.hidden, ~mask, trials) + _view("it alone", trial.shown, mask, trials)
    return f'{head}<div class="views">{views}</div></article>'


def _view(name: str, view: View, mask: Tensor, trials: Trials) -> str:
    """The picture that the model gets, the five best classes, and what became of the one that is followed."""
    decision, unit = trials.decision, trials.decision.classifier.outputs.unit
    source = encoding.photograph(_drawn(trials).seen(view, mask))
    became = f"{decision.label}: {changed(view, unit)}"
    painted = (
        "what the model gets" if view.picture is not None else "nothing is painted: stripes are switched off inside"
    )
    return (
        f'<section><h5>{escape(name)}</h5><img src="{source}" alt="{escape(painted)}" title="{escape(painted)}">'
        f"<div>{drawing.bars(view.top, unit, decision.target)}<p>{escape(became)}</p></div></section>"
    )


def _drawn(trials: Trials) -> Flats:
    """The photograph; on the page, parts are painted on photographs only."""
    decision = trials.decision
    return Flats(decision.image, trials.part.mask, decision.classifier.preprocessing.bands)


def _reading(view: View | None, unit: str | None) -> str:
    return "–" if view is None else escape(told(view.reading, unit))
