import copy
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from helpers.networks import convolutional
from unseen import Classifier, Preprocessing
from unseen.classifier.devices import resolve_device
from unseen.classifier.fingerprint import fingerprint
from unseen.errors import ModelError, ParameterError, PhotoError, UnknownNameError

TINY = Preprocessing(size=(8, 8), resize=None)


class Constant(nn.Module):
    """Answers with a given value, whatever it sees."""

    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, images: Tensor) -> object:  # noqa: ARG002
        return self.answer


def test_prepare_takes_whatever_opens(classifier: Classifier, photo_path: Path) -> None:
    prepared = classifier.prepare(photo_path)
    assert prepared.shape == (3, 224, 224)
    assert prepared.dtype == torch.float32
    assert 0 <= float(prepared.min()) <= float(prepared.max()) <= 1
    assert torch.equal(prepared, classifier.prepare(Image.open(photo_path)))
    with pytest.raises(PhotoError):
        classifier.prepare(Image.new("RGB", (1, 1)))


def test_normalise_is_the_formula_and_differentiable() -> None:
    preprocessing = Preprocessing(size=(8, 8), resize=None, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    pixels = torch.rand(2, 3, 8, 8, requires_grad=True)
    normal = Classifier(convolutional(), preprocessing).normalise(pixels)
    for channel in range(3):
        expected = (pixels[:, channel] - preprocessing.mean[channel]) / preprocessing.std[channel]
        torch.testing.assert_close(normal[:, channel], expected)
    normal.sum().backward()
    assert pixels.grad is not None
    torch.testing.assert_close(pixels.grad[0, :, 0, 0], torch.tensor([2.0, 4.0, 0.5]))


# ---- the network -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (torch.full((2, 4), float("nan")), "NaN"),
        (torch.full((2, 4), float("inf")), "infinite"),
        (torch.zeros(2, 4, 1), r"shape \(2, 4, 1\) for 2 images"),
        (torch.zeros(1, 4), r"shape \(1, 4\) for 2 images"),
        (torch.zeros(2, 5), "5 outputs but 4 labels"),
        (torch.zeros(2, 1), "single output"),
        ((torch.zeros(2, 4),), "returned a tuple"),
        (None, "returned None"),
    ],
)
def test_networks_that_do_not_classify_are_refused(answer: object, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        Classifier(Constant(answer), TINY, list("abcd")).logits(torch.rand(2, 3, 8, 8))
    assert "\n" not in str(caught.value)


def test_the_networks_modes_come_back_even_after_an_error() -> None:
    network = nn.Sequential(convolutional(), Constant(None)).train()
    network[0][1].eval()
    before = [module.training for module in network.modules()]
    with pytest.raises(ModelError):
        Classifier(network, TINY).logits(torch.rand(2, 3, 8, 8))
    assert [module.training for module in network.modules()] == before


def test_using_a_network_leaves_it_as_found() -> None:
    network = convolutional().train()
    before = copy.deepcopy(network.state_dict())
    state = torch.get_rng_state()
    classifier = Classifier(network, TINY)
    classifier.logits(torch.zeros(2, 3, 8, 8))
    classifier.optimised()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    assert network.training


def test_a_network_that_caches_stays_differentiable() -> None:
    class Caching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(8 * 8, 4)
            self.window: Tensor | None = None

        def forward(self, images: Tensor) -> Tensor:
            if self.window is None:
                self.window = torch.hann_window(8, device=images.device)[:, None]
            return self.head((images.mean(1) * self.window).flatten(1))

    classifier = Classifier(Caching(), TINY)
    pixels = torch.rand(1, 3, 8, 8, requires_grad=True)
    classifier.logits(pixels)
    classifier.forward(pixels).sum().backward()
    assert pixels.grad is not None
    assert pixels.grad.abs().sum() > 0


def test_half_precision_gives_float32_logits() -> None:
    logits = Classifier(convolutional().to(torch.bfloat16), TINY).logits(torch.rand(2, 3, 8, 8))
    assert logits.dtype == torch.float32


def test_real_photographs_are_recognised(classifier: Classifier, photo_paths: dict[str, Path]) -> None:
    named = {}
    for name, path in photo_paths.items():
        logits = classifier.logits(classifier.prepare(path)[None])[0]
        named[name] = classifier.label(int(logits.argmax()))
        if name == "coffee":
            assert float(logits.softmax(0).max()) > 0.9
    assert named["coffee"] == "espresso"
    assert named["camera"] == "tripod"
    assert named["chelsea"] in {"tabby", "tiger cat", "Egyptian cat"}


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2\nmore"), ValueError("mat1 and mat2"), KeyError()])
def test_a_network_that_fails_in_its_own_code_is_named(error: Exception) -> None:
    class Failing(nn.Module):
        def forward(self, images: Tensor) -> Tensor:  # noqa: ARG002
            raise error

    reason = "KeyError" if isinstance(error, KeyError) else "mat1 and mat2"
    with pytest.raises(ModelError, match=rf"^mine fails on images of shape \(2, 3, 8, 8\) \({reason}\); ") as caught:
        Classifier(Failing(), TINY, name="mine").logits(torch.rand(2, 3, 8, 8))
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA"), RuntimeError("can't allocate memory"), MemoryError(), UnknownNameError("ours")],
)
def test_errors_that_others_handle_pass_through(error: Exception) -> None:
    class Failing(nn.Module):
        def forward(self, images: Tensor) -> Tensor:  # noqa: ARG002
            raise error

    with pytest.raises(type(error)) as caught:
        Classifier(Failing(), TINY).logits(torch.rand(2, 3, 8, 8))
    assert caught.value is error


# ---- labels ----------------------------------------------------------------------------------------------------------

LABELS = Classifier(
    Constant(None), labels=["tabby, tabby cat", "Cardigan", "cardigan", "great_white-shark", "crane", "crane"]
)


@pytest.mark.parametrize(
    ("target", "index"),
    [
        ("tabby cat", 0),
        ("Tabby", 0),
        ("tabby, tabby cat", 0),
        ("Cardigan", 1),
        ("cardigan", 2),
        ("Great White Shark", 3),
        (" great-white shark ", 3),
        (3, 3),
        ("4", 4),
    ],
)
def test_targets(target: str | int, index: int) -> None:
    assert LABELS.target_index(target) == index


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        ("crane", UnknownNameError, r"names the classes \[4, 5\]"),
        ("CARDIGAN", UnknownNameError, r"names the classes \[1, 2\]"),
        ("tabi", UnknownNameError, "no class 'tabi'"),
        ("cran", UnknownNameError, "did you mean 'crane'"),
        (6, ParameterError, "outside 0 … 5"),
        (-1, ParameterError, "outside"),
        ("²", UnknownNameError, "no class"),
        ("--1", UnknownNameError, "no class"),
    ],
)
def test_wrong_targets(target: str | int, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        LABELS.target_index(target)


def test_numbers_as_labels() -> None:
    swapped = Classifier(Constant(None), labels=["1", "0"])
    for text in ("0", "1"):
        with pytest.raises(UnknownNameError, match=f"'{text}' may be an index or the label of"):
            swapped.target_index(text)
        assert swapped.target_index(int(text)) == int(text)
    digits = Classifier(Constant(None), labels=["0", "1", "2"])
    assert [digits.target_index(text) for text in ("0", "1", "2")] == [0, 1, 2]
    years = Classifier(Constant(None), labels=["1999", "2000", "2000"])
    assert years.target_index("1999") == 0
    with pytest.raises(UnknownNameError, match=r"label of \[1, 2\]"):
        years.target_index("2000")
    with pytest.raises(ParameterError, match="outside 0 … 2"):
        years.target_index(1999)


def test_without_labels_only_indices_mean_something() -> None:
    unlabelled = Classifier(Constant(torch.zeros(1, 20)))
    assert unlabelled.target_index("12") == 12
    assert unlabelled.label(12) == "class 12"
    with pytest.raises(UnknownNameError, match="has no labels"):
        unlabelled.target_index("cat")


# ---- speed -----------------------------------------------------------------------------------------------------------


def test_optimised_is_the_same_function_without_batch_norms(classifier: Classifier, photo: Tensor) -> None:
    fast = classifier.optimised()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fast.model.modules())
    assert sum(isinstance(module, nn.BatchNorm2d) for module in classifier.model.modules()) == 49
    batch = torch.stack([photo, 1 - photo])
    torch.testing.assert_close(fast.logits(batch), classifier.logits(batch), atol=1e-4, rtol=1e-4)
    assert fast.labels == classifier.labels
    assert fast.name == classifier.name


def test_optimised_refuses_a_network_that_is_not_a_function() -> None:
    class Moody(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, images: Tensor) -> Tensor:
            self.calls += 1
            return self.calls * torch.ones(len(images), 2)

    with pytest.raises(ModelError, match="logits differ"):
        Classifier(Moody(), TINY).optimised()


def test_a_network_that_cannot_be_copied_is_not_optimised() -> None:
    class Unique(nn.Linear):
        def __deepcopy__(self, memo: object) -> "Unique":
            raise TypeError("cannot be copied")

    with pytest.raises(ModelError, match="cannot be optimised"):
        Classifier(nn.Sequential(nn.Flatten(), Unique(3 * 8 * 8, 2)), TINY).optimised()


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_what_is_scripted_stays_as_it_is() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2)).eval()
    scripted = Classifier(torch.jit.trace(network, torch.zeros(1, 3, 8, 8)), TINY)
    assert scripted.optimised() is scripted


# ---- identity --------------------------------------------------------------------------------------------------------


def test_optimised_copies_keep_what_records_say() -> None:
    classifier = Classifier(convolutional(), TINY, list("abcd"), name="mine")
    classifier.options["labels"] = "letters.txt"
    fast = classifier.optimised()
    assert (classifier.is_optimised, fast.is_optimised) == (False, True)
    assert fast.fingerprint == classifier.fingerprint
    assert (fast.name, fast.labels, fast.options) == ("mine", tuple("abcd"), {"labels": "letters.txt"})
    assert fast.optimised().fingerprint == classifier.fingerprint


def test_the_fingerprint_follows_the_weights_and_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[nn.Module] = []
    monkeypatch.setattr(
        "unseen.classifier.classifier.fingerprint", lambda n, a: (computed.append(n), fingerprint(n, a))[1]
    )
    classifier = Classifier(convolutional(), TINY)
    first = classifier.fingerprint
    classifier.logits(torch.rand(1, 3, 8, 8))
    assert classifier.fingerprint == first == Classifier(convolutional(), TINY, name="another").fingerprint
    assert len(computed) == 2
    with torch.no_grad():
        classifier.model[0].weight[0, 0, 0, 0] += 1
    assert classifier.fingerprint != first


# ---- devices ---------------------------------------------------------------------------------------------------------


def test_views_are_of_the_same_network_to_who_identifies_it() -> None:
    standardising = Preprocessing((4, 4), None, mean=(0, 0, 0), std=(1, 1, 1), standardise="image")
    asked = Classifier(lambda x: x.mean((2, 3))[:, :2], standardising, ["a", "b"], outputs="sigmoid")
    together, _ = asked.asked(["a", "b"])
    fixed = asked.fixed_on(torch.rand(3, 4, 4))
    assert together.origin is fixed.origin is asked
    assert together.fingerprint == fixed.fingerprint == asked.fingerprint


def test_labels_are_counted_where_several_findings_are_asked_for_too() -> None:
    asked = Classifier(Constant(torch.zeros(1, 2)), Preprocessing((4, 4), None), ["a"], outputs="sigmoid")
    together, _ = asked.asked(["a", "no a"])
    for one in (asked, together):
        with pytest.raises(ModelError, match="has 2 outputs but 1 labels were given"):
            one.logits(torch.rand(1, 3, 4, 4))


def test_devices() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type in {"cpu", "cuda", "mps"}
    assert resolve_device(None) == resolve_device("auto")
    for wrong in ("cuda:99", "toaster"):
        with pytest.raises(ParameterError, match="try 'auto' or 'cpu'"):
            resolve_device(wrong)


def test_frozen_parameters_get_their_flags_back() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.Linear(4, 2))
    network[1].weight.requires_grad_(False)
    before = [parameter.requires_grad for parameter in network.parameters()]
    classifier = Classifier(network, Preprocessing((2, 2), None))

    def fail() -> None:
        with classifier.frozen():
            assert not any(parameter.requires_grad for parameter in network.parameters())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [parameter.requires_grad for parameter in network.parameters()] == before
