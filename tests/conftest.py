"""What all tests share: the bundled model, real photographs, and how they are computed."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import skimage
import torch
from hypothesis import HealthCheck, settings

from helpers.browser import chromium
from helpers.processor import SEED, THREADS, UNSTEADY
from helpers.unchecked import check_shapes_where_there_are_some, unchecked
from helpers.unsteady import Unsteady
from unseen import Classifier, load_classifier

if TYPE_CHECKING:
    from playwright.sync_api import Browser

torch.set_num_threads(THREADS)
check_shapes_where_there_are_some()

# A busy machine is no failure: properties are checked, not their speed. The same examples are drawn every time, so that
# a change is not blamed for another's fault; `make test-numerics` draws others by its seeds.
settings.register_profile("unseen", deadline=None, derandomize=not SEED, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unseen")


def pytest_report_header() -> str:
    """What the numbers of this run depend on."""
    capability = torch.backends.cpu.get_cpu_capability()
    unsteady = ", bits that depend on the batch" if UNSTEADY else ""
    return f"torch {torch.__version__}: {capability}, {torch.get_num_threads()} thread(s), seed {SEED}{unsteady}"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Hypothesis draws by the seed of the run, where there is one."""
    if SEED:
        config.option.hypothesis_seed = str(SEED)


def pytest_collection_finish() -> None:
    """What all tests have in common is not looked at by every collection of garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def processor() -> Iterator[None]:
    """That of the machine, or the unsteady one."""
    with Unsteady() if UNSTEADY else nullcontext():
        yield


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real one, without a window; closed after a module, for its driver holds the thread's only event loop."""
    with chromium() as found:
        yield found
