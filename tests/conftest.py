"""What all tests share: the bundled model, real photographs and one thread per process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import skimage
import torch
from hypothesis import HealthCheck, settings

from helpers.unchecked import unchecked
from unseen import Classifier, load_classifier

torch.set_num_threads(1)

# A busy machine is no failure: properties are checked, not their speed.
settings.register_profile("unseen", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unseen")

PHOTOS = Path(skimage.__file__).parent / "data"


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """EfficientNet-Lite0 with its trained weights, on the CPU."""
    return load_classifier("efficientnet-lite0", device="cpu")


@pytest.fixture(scope="session")
def photo_path() -> Path:
    """An espresso in a cup, 600 × 400 RGB."""
    return PHOTOS / "coffee.png"


@pytest.fixture(scope="session")
def photo_paths() -> dict[str, Path]:
    """Real photographs: an espresso (RGB), a cameraman (grey) and a cat (RGB)."""
    return {name: PHOTOS / f"{name}.png" for name in ("coffee", "camera", "chelsea")}


@pytest.fixture(scope="session")
def photo(classifier: Classifier, photo_path: Path) -> torch.Tensor:
    """The espresso at the model's input resolution, shape (3, 224, 224)."""
    return classifier.prepare(photo_path)


@pytest.fixture
def unchecked_types() -> Iterator[None]:
    """See :func:`unchecked.unchecked`."""
    with unchecked():
        yield
