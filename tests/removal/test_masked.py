from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from helpers import networks
from unseen import Classifier, Preprocessing
from unseen.errors import ModelError, NotApplicableError, ParameterError
from unseen.removal import MaskedForward, Removal
from unseen.removal.checks import check_image
from unseen.removal.fills.constant import ConstantFill
from unseen.removal.masked import MaskedClassifier


class Network(nn.Module):
    """A linear map that runs out of memory above ``limit`` images and remembers its batches."""

    def __init__(self, limit: int = 10**9, error: type[BaseException] = RuntimeError) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * 5 * 7, 4)
        self.limit, self.error = limit, error
        self.batches: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.batches.append(len(images))
        if len(images) > self.limit:
            raise self.error("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 1 EB")
        return self.linear(images.flatten(1))


def build(network: nn.Module, batch_size: int | None = None, **options: object) -> MaskedClassifier:
    classifier = Classifier(network, Preprocessing(size=(5, 7), resize=None))
    image = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(0))
    return ConstantFill("black").bind(classifier, image, batch_size=batch_size, **options)  # type: ignore[arg-type]


def masks(count: int) -> Tensor:
    return torch.rand(count, 5, 7, generator=torch.Generator().manual_seed(count)) < 0.5


@given(st.integers(1, 20), st.integers(1, 25))
def test_results_are_in_order_and_do_not_depend_on_the_batch_size(count: int, batch_size: int) -> None:
    network = Network()
    masked = build(network, batch_size)
    one_by_one = torch.cat([masked(mask[None]) for mask in masks(count)])
    network.batches.clear()
    torch.testing.assert_close(masked(masks(count)), one_by_one, atol=1e-6, rtol=1e-6)
    assert max(network.batches) <= batch_size
    assert len(network.batches) == -(-count // batch_size)
    assert masked.evaluations == 2 * count


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, torch.OutOfMemoryError])
@pytest.mark.parametrize("limit", [1, 3, 8])
def test_memory_back_off_loses_nothing(error: type[BaseException], limit: int) -> None:
    network = Network(limit, error)
    masked = build(network, 16)
    network.batches.clear()
    got = masked(masks(21))
    assert masked.evaluations == 21
    network.limit = 21
    torch.testing.assert_close(got, build(network, 21)(masks(21)))
    assert [size for size in network.batches if size > limit][:2] == [16, 8] if limit < 8 else [16]


def test_any_evaluation_is_batched_counted_and_retried_with_less() -> None:
    told: list[int] = []
    masked = build(Network(), 8, progress=lambda _, done, __: told.append(done))
    tried: list[tuple[int, int]] = []

    def evaluate(first: int, last: int) -> list[int]:
        tried.append((first, last))
        if last - first > 3:
            raise torch.OutOfMemoryError("out of memory")
        return list(range(first, last))

    assert [number for batch in masked.in_batches(7, evaluate) for number in batch] == list(range(7))
    assert tried == [(0, 7), (0, 3), (3, 6), (6, 7)]
    assert (masked.evaluations, told) == (7, [3, 6, 7])


def test_memory_for_not_even_one_image() -> None:
    with pytest.raises(ModelError, match="single image"):
        build(Network(0), 4)(masks(4))


def test_a_fault_of_the_network_is_named() -> None:
    class Broken(nn.Module):
        def forward(self, images: Tensor) -> Tensor:  # noqa: ARG002
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(ModelError, match="mat1"):
        build(Broken())(masks(2))


def test_progress_is_told_of_every_batch() -> None:
    heard: list[tuple[str, int, int | None]] = []
    masked = build(Network(), 4, progress=lambda *event: heard.append(event))
    masked.announce("searching", 10)
    masked(masks(10))
    assert heard == [("searching", done, 10) for done in (0, 4, 8, 10)]
    assert masked.seconds > 0


def test_evaluations_beside_are_counted_here_whoever_is_asked_first_and_whatever_fails() -> None:
    told: list[int] = []
    masked = build(Network(), 4, progress=lambda _, done, __: told.append(done))
    masked(masks(3))
    with masked.for_image(1 - masked.image) as other:
        other(masks(5))
        masked(masks(2))
        other(masks(1))
        assert masked.evaluations == 11
    with pytest.raises(ParameterError, match="no masks"), masked.for_image(masked.image) as other:
        assert len(other(masks(6))) == len(other(masks(6)[:0]))
    assert (masked.evaluations, masked.seconds >= other.seconds > 0) == (17, True)
    assert told == sorted(told)
    assert told[-1] == 17


def test_what_must_be_known_is_noted_once() -> None:
    masked = build(Network())
    for sentence in ("first", "second", "first"):
        masked.note(sentence)
    with masked.for_image(masked.image) as other:
        other.note("nearby")
        other.note("second")
    assert masked.notes == ("first", "second", "nearby")


@pytest.mark.parametrize("kind", ["dropout", "noise", "memory"])
@pytest.mark.parametrize("batch_size", [None, 1])
def test_a_model_that_answers_at_random_cannot_be_bound(kind: str, batch_size: int | None) -> None:
    class Random(Network):
        calls = 0

        def forward(self, images: Tensor) -> Tensor:
            self.calls += 1
            wide = self.linear(images.flatten(1)).repeat(1, 50)
            changed = {
                "dropout": nn.functional.dropout(wide, 0.5),
                "noise": wide + torch.randn_like(wide),
                "memory": wide * self.calls,
            }
            return changed[kind]

    with pytest.raises(ModelError, match="answers the same images differently"):
        build(Random(), batch_size)


def test_a_batch_that_is_too_large_beside_is_not_tried_again() -> None:
    network = Network(limit=3)
    masked = build(network, 8)
    network.batches.clear()
    for _ in range(3):
        with masked.for_image(masked.image) as other:
            other(masks(8))
    assert [size for size in network.batches if size > 3] == [8, 4]
    assert masked.batch_size == 8


def test_what_is_known_is_computed_once_for_each_key_and_anew_after_a_change_of_weights() -> None:
    masked = build(Network())
    found: list[int] = []

    def compute() -> int:
        found.append(len(found))
        return found[-1]

    assert [masked.cached("a", compute), masked.cached("b", compute), masked.cached("a", compute)] == [0, 1, 0]
    with torch.no_grad():
        masked.classifier.model.get_parameter("linear.weight").mul_(2)
    assert [masked.cached("a", compute), masked.cached("a", compute), masked.cached("b", compute)] == [2, 2, 3]
    with pytest.raises(ZeroDivisionError):
        masked.cached("c", lambda: 1 // 0)
    assert masked.cached("c", compute) == 4


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.ones(2, 5, 6), r"shape \(2, 5, 6\); expected \(N, 5, 7\)"),
        (torch.ones(2, 5, 7) * 1.1, "lie in"),
        (torch.ones(2, 5, 7) * -0.1, "lie in"),
        (torch.full((2, 5, 7), float("nan")), "lie in"),
        (torch.ones(0, 5, 7), "no masks"),
    ],
)
def test_wrong_masks_are_refused(wrong: Tensor, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        build(Network())(wrong)


@dataclass(frozen=True)
class Hard(Removal):
    """A removal for masks of 0 and 1 only."""

    @property
    def name(self) -> str:
        return "hard"

    def forward(self, classifier: Classifier, image: Tensor) -> MaskedForward:
        return ConstantFill("black").forward(classifier, image)


def test_soft_masks_only_where_the_removal_takes_them() -> None:
    masked = Hard().bind(Classifier(Network(), Preprocessing(size=(5, 7), resize=None)), torch.rand(3, 5, 7))
    assert masked(torch.ones(1, 5, 7)).shape == (1, 4)
    with pytest.raises(ParameterError, match="'hard' takes masks of 0 and 1 only"):
        masked(torch.full((1, 5, 7), 0.5))
    assert Hard().to_dict() == {"name": "hard"}


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.rand(7), "shape"),
        (torch.rand(3, 2, 5, 7, 7), "shape"),
        (torch.zeros(3, 5, 7, dtype=torch.uint8), "dtype"),
        (torch.full((3, 5, 7), 1.01), r"in \[0, 1\]"),
        (torch.full((3, 5, 7), -0.01), r"in \[0, 1\]"),
        (torch.full((3, 5, 7), float("nan")), "finite"),
    ],
)
def test_wrong_images_are_refused(image: Tensor, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        check_image(image)


def test_an_image_of_other_channels_is_refused() -> None:
    with pytest.raises(ParameterError, match="shape"):
        Hard().bind(Classifier(Network(), Preprocessing(size=(5, 7), resize=None)), torch.rand(1, 5, 7))


def test_batch_size_must_be_positive() -> None:
    with pytest.raises(ParameterError, match="batch_size must be at least 1, got 0"):
        build(Network(), 0)


def test_nan_logits_are_an_error() -> None:
    network = Network()
    nn.init.constant_(network.linear.bias, float("nan"))
    with pytest.raises(ModelError, match="NaN"):
        build(network)(masks(2))


def test_results_can_take_part_in_a_gradient() -> None:
    logits = build(Network())(masks(3))
    weight = torch.ones(4, requires_grad=True)
    (logits * weight).sum().backward()
    assert weight.grad is not None


def test_the_network_is_left_in_training_mode() -> None:
    network = Network().train()
    network.linear.eval()
    build(network)(masks(3))
    assert network.training
    assert not network.linear.training


def test_a_real_photograph_batched_and_alone(classifier: Classifier, photo: Tensor) -> None:
    some = torch.rand(3, 7, 7, generator=torch.Generator().manual_seed(0)) < 0.7
    some = some.repeat_interleave(32, 1).repeat_interleave(32, 2)
    together = ConstantFill("zero").bind(classifier, photo, batch_size=3)(some)
    alone = ConstantFill("zero").bind(classifier, photo, batch_size=1)(some)
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)
    assert together.argmax(1).tolist() == alone.argmax(1).tolist()


@pytest.mark.parametrize("removal", ["black", "min", "mean", "channel-mean"])
def test_what_is_painted_is_what_the_network_is_shown(removal: str) -> None:
    masked = networks.bound(networks.Network(), double=False, removal=removal)
    masks = torch.rand(3, *masked.shape, generator=torch.Generator().manual_seed(0))
    raw = masked.removal.painted(masked.classifier, masked.pixels.expand(3, -1, -1, -1), masks)
    assert torch.equal(masked.classifier.logits(raw), masked(masks))
    assert torch.equal(masked.painted(masks), raw.clamp(0, 1))
    assert torch.equal(masked.painted(torch.ones(1, *masked.shape, dtype=torch.bool))[0], masked.image)
    with pytest.raises(ParameterError, match="masks have shape"):
        masked.painted(masks[0, None, :5])


def test_what_is_not_painted_cannot_be_shown() -> None:
    masked = networks.bound(networks.Network(), double=False, removal="ad")
    with pytest.raises(NotApplicableError, match="'ad' paints nothing"):
        masked.painted(torch.ones(1, *masked.shape))
