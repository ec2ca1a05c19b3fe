"""What the tests beside other libraries share; torchvision is made importable before any of them is imported."""

import warnings
from collections.abc import Iterator

import pytest

from benchmarks.torchvision_import import import_torchvision
from helpers.unchecked import check_shapes_where_there_are_some, unchecked

import_torchvision()
check_shapes_where_there_are_some()


@pytest.fixture
def unchecked_types() -> Iterator[None]:
    """Types are checked in the other tests."""
    with unchecked():
        yield


@pytest.fixture
def quiet_peers() -> Iterator[None]:
    """Other libraries warn of what they do to the model; types are checked in the other tests."""
    with unchecked(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
