"""The removal as a whole: Theorem 1, cut-outs, nothing left behind, refusals before any work is done."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.checks import classifier_of, every_policy, logits, masks_for, photo, plain_logits, randomise
from unseen import Classifier, load_classifier
from unseen.errors import ModelError, NotApplicableError, ParameterError, UnseenError
from unseen.removal import REMOVALS
from unseen.removal.deactivation.activation import ActivationDeactivation
from unseen.removal.deactivation.grid import Grid, Traveller, Window

SIZE = (32, 40)


class Sorting(nn.Module):
    """Loses positions."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sort(dim=-1).values


class Everything(nn.Module):
    """Most operations that the rules know, on small maps."""

    def __init__(self) -> None:
        super().__init__()
        self.pad, self.stem, self.norm = (
            nn.ZeroPad2d((0, 1, 0, 1)),
            nn.Conv2d(3, 8, 3, 2, bias=False),
            nn.BatchNorm2d(8),
        )
        self.depthwise, self.point = nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.Conv2d(8, 8, 1)
        self.squeeze, self.excite = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.shortcut, self.wide = nn.Conv2d(16, 8, 1, 2), nn.Conv2d(16, 8, 5, 2, 2)
        self.norm2, self.layer_norm, self.linear = nn.BatchNorm2d(16), nn.LayerNorm(8), nn.Linear(8, 8)
        self.up, self.head = nn.ConvTranspose2d(8, 8, 2, 2), nn.Linear(8 * 6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.hardswish(self.norm(self.stem(self.pad(x))), inplace=True)
        y = self.point(F.max_pool2d(self.depthwise(x), 3, 1, 1))
        y = y * torch.sigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))))
        x = torch.cat([x, y], 1)
        x = F.silu(self.norm2(x))
        x = self.shortcut(x) + self.wide(x)
        y = self.linear(self.layer_norm(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        y += x
        n, c, h, w = x.shape
        x = y.reshape(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        x = F.avg_pool2d(self.up(x) + F.interpolate(x, scale_factor=2), 3, 2, 1, count_include_pad=False)
        return self.head(F.adaptive_avg_pool2d(x, (3, 2)).flatten(1))


@pytest.mark.numerics
@pytest.mark.parametrize("policy", list(every_policy()), ids=lambda p: ",".join(str(v) for v in p.values()))
def test_theorem_1(policy: dict[str, Any]) -> None:
    """Nothing hidden: bit-equal logits, alone and beside any other mask."""
    model, image, masks = randomise(Everything()).float(), photo(SIZE).float(), masks_for(SIZE)
    with torch.no_grad():
        for batch, place in ((masks[:1], 0), (masks, 0), (masks.flip(0), 4)):
            plain = plain_logits(model, image, len(batch))
            got = logits(model, image, batch, **policy)
            assert torch.equal(got[place], plain[place])
            assert torch.isfinite(got).all()


@pytest.fixture
def algorithm_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shares of the whole kernel, padding included, as the mean kernel of the paper's Algorithm 1 takes them."""

    def dilate(self: Traveller, source: Grid, window: Window, size: tuple[int, int]) -> Grid:
        on = window.visible(source.active, size)
        return self.spread(on, torch.full_like(on, float(window.kernel[0] * window.kernel[1])))

    monkeypatch.setattr(Traveller, "_dilate", dilate)


@pytest.mark.usefixtures("algorithm_1")
@pytest.mark.parametrize(("kernel", "share"), [(3, 4 / 9), (5, 9 / 25), (7, 16 / 49)])
def test_algorithm_1_breaks_theorem_1_from_the_share_of_a_corner_on(kernel: int, share: float) -> None:
    """No more of the window in the corner lies inside, so that a higher threshold switches the corner off."""
    layers = nn.Conv2d(3, 4, kernel, padding=kernel // 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    classifier, image = classifier_of(randomise(nn.Sequential(*layers, nn.Linear(4, 3))), SIZE), photo(SIZE)
    ActivationDeactivation(threshold=share - 0.01).bind(classifier, image)
    with pytest.raises(NotApplicableError, match="changes the logits"):
        ActivationDeactivation(threshold=share + 0.01).bind(classifier, image)


@pytest.mark.usefixtures("algorithm_1")
def test_algorithm_1_breaks_theorem_1_on_the_bundled_network_from_9_25_on() -> None:
    """Its largest kernels are 5 × 5."""
    classifier, image = load_classifier("efficientnet-lite0", device="cpu"), photo((224, 224)).float()
    for threshold in (0.1, 0.3, 0.35):
        ActivationDeactivation(threshold=threshold).bind(classifier, image)
    for threshold in (0.37, 0.5):
        with pytest.raises(NotApplicableError, match="changes the logits"):
            ActivationDeactivation(threshold=threshold).bind(classifier, image)


@pytest.mark.parametrize("policy", list(every_policy()), ids=lambda p: ",".join(str(v) for v in p.values()))
def test_hidden_pixels_change_nothing(policy: dict[str, Any]) -> None:
    model, image, masks = randomise(Everything()).float(), photo(SIZE).float(), masks_for(SIZE)
    bound = ActivationDeactivation(**policy).bind(classifier_of(model, SIZE), image)
    other = torch.where(masks[:, None] > 0, image, photo(SIZE, seed=7).float())
    with torch.no_grad():
        assert torch.equal(bound.forward(image.expand_as(other), masks), bound.forward(other, masks))


@pytest.mark.numerics
def test_results_do_not_depend_on_the_other_masks_of_the_batch() -> None:
    model, image, masks = randomise(Everything()), photo(SIZE), masks_for(SIZE)
    for policy in (policy for policy in every_policy() if policy["threshold"] == 0.5):
        together = logits(model, image, masks, **policy)
        alone = torch.cat([logits(model, image, mask[None], **policy) for mask in masks])
        torch.testing.assert_close(together, alone, rtol=1e-6, atol=1e-6)


def test_nothing_visible_gives_the_bias_of_the_head_and_no_gradient() -> None:
    model, image = randomise(Everything()), photo(SIZE)
    for policy in every_policy():
        bound = ActivationDeactivation(**policy).bind(classifier_of(model, SIZE), image)
        pixels = image.expand(2, -1, -1, -1).clone().requires_grad_()
        found = bound.forward(pixels, torch.zeros(2, *SIZE))
        assert torch.equal(found[1].to(model.head.bias), model.head.bias)
        (gradient,) = torch.autograd.grad(found.sum(), pixels)
        assert torch.equal(gradient, torch.zeros_like(gradient))


# ---- the bundled networks ---------------------------------------------------------------------------------------


@pytest.mark.numerics
@pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"])
def test_efficientnet_lite(name: str) -> None:
    classifier = load_classifier(name, device="cpu")
    size = (128, 96)
    image, masks = torch.rand(3, *size, generator=torch.Generator().manual_seed(0)), masks_for(size)[:3]
    plain = classifier.logits(image.expand(3, -1, -1, -1))
    policies: list[dict[str, Any]] = [{}, {"travel": "pooled"}, {"fill": "neighbour", "threshold": 0.9, "join": "and"}]
    for policy in policies:
        got = ActivationDeactivation(**policy).bind(classifier, image)(masks)
        assert torch.equal(got[0], plain[0])
        other = torch.where(masks[2] > 0, image, 1 - image)
        assert torch.equal(got[2], ActivationDeactivation(**policy).bind(classifier, other)(masks)[2])
    head = [module for module in classifier.model.modules() if isinstance(module, nn.Linear)][-1]
    torch.testing.assert_close(got[1], head.bias.detach())


@pytest.mark.numerics
def test_pooled_travel_sees_the_cut_out(classifier: Classifier) -> None:
    image = torch.rand(3, 160, 128, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(1, 160, 128)
    mask[0, 64:160, 32:128] = 1
    got = ActivationDeactivation("pooled").bind(classifier, image)(mask)
    crop = classifier.logits(image[None, :, 64:160, 32:128])
    torch.testing.assert_close(got, crop, rtol=1e-5, atol=1e-5 * float(crop.abs().max()))


@pytest.mark.numerics
def test_the_fast_copy_of_a_classifier_is_exact_too(classifier: Classifier) -> None:
    """Channels last and folded batch norms: zeroing must keep the memory format."""
    fast, image = classifier.optimised(), torch.rand(3, 96, 96, generator=torch.Generator().manual_seed(0))
    masks = masks_for((96, 96))[:3]
    for travel in ("dilating", "pooled"):
        got = ActivationDeactivation(travel).bind(fast, image)(masks)  # type: ignore[arg-type]
        assert torch.equal(got[0], fast.logits(image.expand(3, -1, -1, -1))[0])
        slow = ActivationDeactivation(travel).bind(classifier, image)(masks)  # type: ignore[arg-type]
        torch.testing.assert_close(got, slow, rtol=1e-3, atol=1e-3)


# ---- nothing is left behind -------------------------------------------------------------------------------------


class Failing(Everything):
    """Raises in the middle when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = False

    def forward(self, x: Tensor) -> Tensor:
        logits = super().forward(x)
        if self.fails:
            raise RuntimeError("in the middle")
        return logits


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """The model is the same afterwards, in every respect that a user can notice."""

    def state() -> dict[str, Any]:
        return {
            "tensors": {k: v.clone() for k, v in model.state_dict(keep_vars=True).items()},
            "identities": {k: id(v) for k, v in model.state_dict(keep_vars=True).items()},
            "gradients": {k: None if p.grad is None else p.grad.clone() for k, p in model.named_parameters()},
            "needed": {k: p.requires_grad for k, p in model.named_parameters()},
            "training": [m.training for m in model.modules()],
            "attributes": [sorted(vars(m)) for m in model.modules()],
            "tensor attributes": [sorted(vars(t)) for t in model.state_dict(keep_vars=True).values()],
            "hooks": [[len(v) for k, v in vars(m).items() if k.endswith("_hooks")] for m in model.modules()],
            "forward": [m.forward.__qualname__ for m in model.modules()],
            "random": torch.get_rng_state(),
            "grad mode": torch.is_grad_enabled(),
        }

    before = state()
    yield
    after = state()
    for name in ("tensors", "gradients"):
        one, other = before.pop(name), after.pop(name)
        assert all(torch.equal(one[k], other[k]) if one[k] is not None else other[k] is None for k in one), name
    assert torch.equal(before.pop("random"), after.pop("random"))
    assert before == after


@pytest.mark.parametrize("travel", ["dilating", "pooled"])
def test_the_network_is_left_exactly_as_found(travel: Any) -> None:
    model: Any = randomise(Failing())
    model.train()
    model.norm.eval()
    model.stem.weight.grad = torch.ones_like(model.stem.weight)
    model.head.weight.requires_grad_(False)
    image, masks = photo(SIZE), masks_for(SIZE)
    twin = copy.deepcopy(image)
    with untouched(model):
        bound = ActivationDeactivation(travel).bind(classifier_of(model, SIZE), image)
        bound(masks)
    with untouched(model):
        pixels = image.expand(5, -1, -1, -1).clone().requires_grad_()
        torch.autograd.grad(bound.forward(pixels, masks).sum(), pixels)
    model.fails = True
    with untouched(model), pytest.raises(ModelError, match="in the middle"):
        bound(masks)
    model.fails = False
    model.shortcut = nn.Sequential(Sorting(), model.shortcut).double()
    with untouched(model), pytest.raises(NotApplicableError, match="sort"):
        ActivationDeactivation(travel).bind(classifier_of(model, SIZE), image)
    assert torch.equal(image, twin)
    assert torch.add(torch.ones(1), 1).item() == 2  # and torch is not intercepted any more


def test_activations_that_a_network_keeps_are_not_taken_for_constants() -> None:
    """A tensor of an earlier pass may be freed and its place taken by an activation of this one."""

    class Keeping(Everything):
        def forward(self, x: Tensor) -> Tensor:
            self.kept = [self.stem(self.pad(x)), *getattr(self, "kept", ())][:3]
            return super().forward(x)

    model, image, masks = randomise(Keeping()), photo(SIZE), masks_for(SIZE)
    bound = ActivationDeactivation().bind(classifier_of(model, SIZE), image)
    first = bound(masks)
    for _ in range(5):
        assert torch.equal(bound(masks), first)


# ---- parameters and refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [1.0, -0.1, float("nan")])
def test_thresholds_outside_their_range_are_refused(threshold: float) -> None:
    with pytest.raises(ParameterError, match="threshold"):
        ActivationDeactivation(threshold=threshold)


@pytest.mark.parametrize(
    ("name", "wrong"), [("travel", "shrinking"), ("fill", "mean"), ("pooling", "max"), ("join", "xor")]
)
def test_unknown_choices_are_refused(name: str, wrong: str) -> None:
    removal = ActivationDeactivation()
    object.__setattr__(removal, name, wrong)  # past the types, which are checked in tests
    with pytest.raises(ParameterError, match=f"{name} must be .*, got '{wrong}'"):
        removal.__post_init__()


def test_the_name_creates_the_removal_again() -> None:
    assert ActivationDeactivation().name == "ad"
    removal = ActivationDeactivation("pooled", 0.25, "neighbour", "all", "and")
    assert removal.name == "ad:travel=pooled,threshold=0.25,fill=neighbour,pooling=all,join=and"
    assert REMOVALS.create(removal.name) == removal
    assert removal.to_dict()["threshold"] == 0.25


@pytest.mark.parametrize("size", [(32, 40)])
def test_soft_masks_are_refused(size: tuple[int, int]) -> None:
    bound = ActivationDeactivation().bind(classifier_of(randomise(Everything()), size), photo(size))
    with pytest.raises(ParameterError, match="0 and 1 only"):
        bound(torch.full((1, *size), 0.5))


def compiled(model: nn.Module) -> nn.Module:
    return nn.Sequential(torch.compile(model, backend="eager"))  # type: ignore[arg-type]


def compiled_in_place(model: nn.Module) -> nn.Module:
    model.compile(backend="eager")
    return model


def scripted(model: nn.Module) -> nn.Module:
    return nn.Sequential(torch.jit.trace(model, photo(SIZE)[None]))


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit")  # of another category from release to release
@pytest.mark.parametrize("compiler", [compiled, compiled_in_place, scripted])
def test_compiled_modules_are_refused(compiler: Callable[[nn.Module], nn.Module]) -> None:
    with pytest.raises(NotApplicableError, match="compiled module"):
        logits(compiler(randomise(Everything())), photo(SIZE), torch.ones(1, *SIZE))


@pytest.mark.numerics
@pytest.mark.parametrize("noise", [torch.rand_like, lambda x: x - x.roll(1, 0), lambda x: F.dropout(x, 0.5, True)])
def test_networks_whose_logits_are_not_their_own_are_refused(noise: Callable[[Tensor], Tensor]) -> None:
    """Random networks, and networks that look at the other photographs of the batch."""

    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3, 64)  # so many that dropout does not choose the same ones twice

        def forward(self, x: Tensor) -> Tensor:
            x = self.head(x.mean((2, 3)))
            return x + noise(x)

    with pytest.raises(
        UnseenError, match=r"answers the same images differently|not deterministic|others are in the batch"
    ):
        logits(randomise(Noisy()), photo(SIZE), torch.ones(1, *SIZE))


@pytest.mark.numerics
def test_rounding_that_changes_from_pass_to_pass_is_no_reason_to_refuse() -> None:
    """As where a processor takes another kernel for another layout or another number of threads."""

    sizes, turns = [0.0], itertools.cycle([-1.0, 1, 0.5, -0.5])  # outside of the network, which is always the same

    class Rounding(Everything):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * (1 + next(turns) * sizes[0])

    for double, slight, grave in ((False, 1e-6, 1e-2), (True, 1e-13, 1e-8)):
        model: Any = randomise(Rounding())
        model = model if double else model.float()
        image, masks = photo(SIZE).to(model.head.weight.dtype), masks_for(SIZE)
        sizes[0] = slight
        torch.testing.assert_close(logits(model, image, masks)[0], plain_logits(model, image, 5)[0])
        sizes[0] = grave
        with pytest.raises(UnseenError, match=r"not deterministic|answers the same|others are in the batch"):
            logits(model, image, masks)


def test_what_is_no_classifier_is_reported_as_such() -> None:
    class Pair(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x.mean((2, 3)), x

    with pytest.raises(ModelError, match="tuple"):
        logits(Pair(), photo(SIZE).float(), torch.ones(1, *SIZE))
