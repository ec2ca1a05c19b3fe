"""Models behind an address: ``http://…`` and ``https://…``."""

from __future__ import annotations

from pathlib import Path

from unseen.classifier.remote import Remote
from unseen.classifier.settings import applied, settings_of
from unseen.classifier.zoo.source import Loaded
from unseen.errors import ModelError, UnseenError


def load_http(name: str, weights: Path | None) -> Loaded:
    """The model of the server at ``http:NAME``; see :mod:`unseen.classifier.remote`.

    Raises:
        ParameterError: no address.
        ModelError: nobody answers there, or in another form.
    """
    del weights
    return _load(f"http:{name}")


def load_https(name: str, weights: Path | None) -> Loaded:
    """The same at ``https:NAME``."""
    del weights
    return _load(f"https:{name}")


def _load(address: str) -> Loaded:
    remote = Remote(address)
    try:
        preprocessing = applied(settings_of(remote.description["preprocessing"]), None)
    except UnseenError as error:
        raise ModelError(f"{address} describes a preprocessing that cannot be used: {error}") from None
    told = remote.description
    labels = tuple(told["labels"]) if "labels" in told else None
    return Loaded(remote, preprocessing, labels, outputs=told.get("outputs"))
