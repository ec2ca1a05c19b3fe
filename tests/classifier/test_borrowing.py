"""One network, many threads: what each says is what one thread says alone, and the network is left as it was found."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

import unseen
from unseen import Classifier, Preprocessing
from unseen.classifier.borrowing import borrowed, own_device, own_precision, unwrapped
from unseen.errors import NotApplicableError

SMALL = Preprocessing((24, 24), None)
PHOTOS = [torch.rand(3, 24, 24, generator=torch.Generator().manual_seed(number)) for number in range(6)]


def learning() -> nn.Sequential:
    """A fresh network, in training mode as every fresh module is."""
    torch.manual_seed(0)
    first, last = nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(8, 5)
    norm = nn.BatchNorm2d(8)
    nn.init.normal_(norm.running_mean, std=0.3)
    last.weight.data.mul_(8)
    return nn.Sequential(
        first, norm, nn.ReLU(), nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), last
    )


class Attending(nn.Module):
    """One layer of a transformer, for which torch has a fused form that it takes by itself."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 16, 8, 8)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.3, batch_first=True)
        self.head = nn.Linear(16, 5)
        self.head.weight.data.mul_(8)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(self.patches(x).flatten(2).transpose(1, 2)).mean(1))


class Forgetful(nn.Module):
    """Writes what it needs later to itself, as many networks do, and takes its time in between."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.head = nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(8, 5)
        self.drop = nn.Dropout(0.5)
        self.seen: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.seen = self.drop(self.body(x).relu())
        time.sleep(0.001)
        return 8 * self.head(self.seen.mean((2, 3)))


def state(network: nn.Module) -> list[object]:
    return [
        [(name, module.training) for name, module in network.named_modules()],
        [(name, parameter.requires_grad) for name, parameter in network.named_parameters()],
        [(name, value.tolist()) for name, value in network.state_dict().items()],
        torch.backends.mha.get_fastpath_enabled(),
    ]


@contextmanager
def left_as_found(network: nn.Module) -> Iterator[None]:
    before = state(network)
    yield
    assert state(network) == before


def in_threads(ask: Callable[[int], Tensor]) -> list[Tensor]:
    """Every photograph twice, six at once; a thread that waits for ever fails the test."""
    with ThreadPoolExecutor(6) as pool:
        return [future.result(timeout=120) for future in [pool.submit(ask, number % 6) for number in range(12)]]


@pytest.mark.parametrize("mode", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("make", [learning, Attending, Forgetful])
@pytest.mark.parametrize(
    ("method", "removal"),
    [
        ("occlusion", "zero"),
        ("smoothgrad:samples=3", "zero"),
        ("lrp-epsilon", "zero"),
        ("deeplift", "zero"),
        ("grad-cam", "zero"),
        ("rise:masks=16", "ad"),
    ],
)
def test_threads_say_what_one_says(make: Callable[[], nn.Module], mode: bool, method: str, removal: str) -> None:
    network = make().train(mode)
    classifier = Classifier(network, SMALL)

    def ask(number: int) -> Tensor:
        options = {"part": "sufficient", "chance": 2, "backgrounds": 2}
        return unseen.explain(PHOTOS[number], classifier, method=method, removal=removal, target=0, **options).saliency

    with left_as_found(network):
        alone = [ask(number) for number in range(6)]
        together = in_threads(ask)
    for number, found in enumerate(together):
        largest = float(alone[number % 6].abs().max())
        torch.testing.assert_close(found, alone[number % 6], rtol=0, atol=1e-4 * largest)


def test_two_networks_that_share_their_body() -> None:
    body = learning()[:-1]
    networks = [nn.Sequential(body, nn.Linear(8, 3)), nn.Sequential(body, nn.Linear(8, 3))]
    classifiers = [Classifier(network, SMALL) for network in networks]

    def ask(number: int) -> Tensor:
        return unseen.explain(
            PHOTOS[number], classifiers[number % 2], method="smoothgrad:samples=4", removal="zero", target=0
        ).saliency

    with left_as_found(networks[0]), left_as_found(networks[1]):
        alone = [ask(number) for number in range(6)]
        together = in_threads(ask)
    for number, found in enumerate(together):
        torch.testing.assert_close(found, alone[number % 6], rtol=1e-4, atol=1e-6)


def test_gradients_beside_plain_answers() -> None:
    """A thread that needs no gradients must not give the parameters back to one that still wants them frozen."""
    network = learning()
    classifier = Classifier(network, SMALL)

    def ask(number: int) -> Tensor:
        if number % 2:
            return classifier.logits(PHOTOS[number][None])
        return unseen.explain(PHOTOS[number], classifier, method="lrp-epsilon", removal="zero", target=0).saliency

    with left_as_found(network):
        alone = [ask(number) for number in range(6)]
        together = in_threads(ask)
    for number, found in enumerate(together):
        torch.testing.assert_close(found, alone[number % 6], rtol=1e-4, atol=1e-6)


def test_it_can_be_borrowed_again_and_by_its_parts_in_any_order() -> None:
    one, other = learning(), learning()
    both = nn.ModuleList([one, other])
    asked: list[int] = []

    def nest(number: int) -> Tensor:
        first, second = (both, one) if number % 2 else (both, other)
        with borrowed(first, frozen=True), borrowed(second), borrowed(first):
            asked.append(number)
            assert not any(module.training for module in both.modules())
        return torch.zeros(())

    with borrowed(other), borrowed(one):  # each gets a lock of its own before they are put together
        pass
    with left_as_found(both):
        in_threads(nest)
    assert len(asked) == 12


def test_other_networks_need_not_wait() -> None:
    inside = threading.Event()
    with borrowed(learning()):

        def other() -> None:
            with borrowed(learning()):
                inside.set()

        thread = threading.Thread(target=other, daemon=True)
        thread.start()
        assert inside.wait(30)
        thread.join(30)


def test_the_fused_attention_comes_back_when_the_last_has_left() -> None:
    """Networks that overlap without being nested: the first to come is the first to leave."""
    before = torch.backends.mha.get_fastpath_enabled()
    first, second = borrowed(learning()), borrowed(learning())
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not torch.backends.mha.get_fastpath_enabled()
    second.__exit__(None, None, None)
    assert torch.backends.mha.get_fastpath_enabled() == before


def test_everything_comes_back_after_a_failure() -> None:
    network = learning()
    with left_as_found(network), pytest.raises(KeyError), borrowed(network, frozen=True):
        raise KeyError


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_child_does_not_wait_for_threads_that_it_does_not_have() -> None:
    network = learning()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with borrowed(network):
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(30)
    child = os.fork()
    if child == 0:
        with borrowed(network):
            os._exit(0)
    deadline = time.monotonic() + 30
    finished = 0
    while not finished and time.monotonic() < deadline:
        finished, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.01)
    done.set()
    thread.join()
    if not finished:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert finished == child
    assert status == 0


# ---- wrappers, inference mode, autocast ------------------------------------------------------------------------------


def test_wrappers_for_many_devices_are_taken_off() -> None:
    network = learning()
    assert unwrapped(nn.DataParallel(nn.DataParallel(network))) is network
    assert Classifier(nn.DataParallel(network)).model is network
    assert Classifier(nn.DataParallel(network)).name == "Sequential"


@pytest.mark.parametrize("method", ["saliency", "grad-cam", "lrp-epsilon", "deeplift"])
def test_weights_of_inference_mode_are_refused_where_gradients_are_needed(method: str) -> None:
    with torch.inference_mode():
        network = learning()
    with left_as_found(network):
        for _ in range(2):
            with pytest.raises(
                NotApplicableError, match=r"torch.inference_mode.*copy.deepcopy\(network\).*'occlusion'"
            ):
                unseen.explain(PHOTOS[0], Classifier(network, SMALL), method=method, removal="zero")


@pytest.mark.parametrize("method", ["saliency", "grad-cam", "lrp-epsilon", "deeplift", "occlusion"])
def test_and_both_remedies_work(method: str) -> None:
    import copy

    with torch.inference_mode():
        network = learning()
    right = unseen.explain(PHOTOS[0], Classifier(learning(), SMALL), method=method, removal="zero").saliency
    given = network if method == "occlusion" else copy.deepcopy(network)
    found = unseen.explain(PHOTOS[0], Classifier(given, SMALL), method=method, removal="zero").saliency
    torch.testing.assert_close(found, right)


AROUND: dict[str, Callable[[], object]] = {
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "device": lambda: torch.device("meta"),  # of all tensors that are made without one
    "no gradients": torch.no_grad,
}


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
@pytest.mark.parametrize(
    "method", ["saliency", "grad-cam", "lrp-epsilon", "deeplift", "occlusion", "score-cam", "rise:masks=8", "lime"]
)
def test_what_surrounds_the_caller_changes_nothing(around: Callable[[], object], method: str) -> None:
    network = learning()

    def ask() -> Tensor:
        return unseen.explain(PHOTOS[0], Classifier(network, SMALL), method=method, removal="zero").saliency

    right = ask()
    with around():  # type: ignore[attr-defined]
        found = ask()
    assert not found.is_inference()
    torch.testing.assert_close(found, right)


def test_a_network_makes_its_own_tensors_where_the_caller_makes_them() -> None:
    """One that is on the default device may rely on it; ours are on the CPU, whatever the caller's are."""
    with torch.device("meta"):
        with own_precision():
            assert torch.zeros(1).device.type == "cpu"
            with own_device(torch.device("meta")):
                assert torch.zeros(1).device.type == "meta"
            with own_device(torch.device("cpu")):
                assert torch.zeros(1).device.type == "cpu"
        assert torch.zeros(1).device.type == "meta"
    with own_precision(), own_device(torch.device("meta")):
        assert torch.zeros(1).device.type == "cpu"


FORKED = """
import os, signal, torch
from unseen import Classifier, Preprocessing
torch.set_num_threads(2)
network = torch.nn.Sequential(torch.nn.Conv2d(3, 64, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(64, 2))
classifier = Classifier(network, Preprocessing(size=(96, 96), resize=None))
photos = torch.rand(16, 3, 96, 96)
first = classifier.logits(photos)
child = os.fork()
if child == 0:
    signal.alarm(60)
    torch.testing.assert_close(classifier.logits(photos), first)
    os._exit(0)
print(os.waitpid(child, 0)[1], torch.get_num_threads())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_process_that_is_forked_after_use_on_several_threads_does_not_hang() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["0", "2"]
