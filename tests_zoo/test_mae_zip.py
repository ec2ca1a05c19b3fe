"""MAE-ZIP on a tiny autoencoder and a network whose last feature map is known."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from unseen import Classifier, Preprocessing
from unseen.classifier.fingerprint import fingerprint
from unseen.errors import NotApplicableError, ParameterError
from unseen.removal import REMOVALS
from unseen.removal.deactivation.features import Following, last_features
from unseen.removal.generative import mae_zip as module
from unseen.removal.generative.autoencoder import Autoencoder, load_autoencoder
from unseen.removal.generative.design import Design
from unseen.removal.generative.mae_zip import Filled, MaeZip, deactivated_features, latent_mask, mae_zip
from unseen.removal.generative.masked_autoencoder import visible_only

SIDE = 32
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("mae")
    network = Design(SIDE, 8, width=64, depth=1).build(0).network
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.05
    network.save_pretrained(place)
    return place


@pytest.fixture
def autoencoder(folder: Path) -> Autoencoder:
    return load_autoencoder(str(folder), CPU)


@pytest.fixture
def classifier() -> Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4)
        )
        model[4].weight.data *= 10
    return Classifier(model, Preprocessing(size=(SIDE, SIDE), resize=None))


def followed(classifier: Classifier, image: Tensor) -> Following:
    """The last features of a classifier."""
    masked = REMOVALS.create("grey").bind(classifier, image)
    return Following(classifier, image, last_features(masked, 0).maps)


def photographs(count: int = 2, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.rand(count, 3, SIDE, SIDE, generator=generator)
    cells = (torch.rand(count, 4, 4, generator=generator) > 0.5).float()
    return pixels, cells.repeat_interleave(8, 1).repeat_interleave(8, 2)


def settings(folder: Path, **changes: object) -> MaeZip:
    return replace(MaeZip(str(folder), steps=10), **changes)


@pytest.mark.parametrize("reference", ["filled", "photograph"])
@pytest.mark.parametrize(("foreground_only", "norm"), [(True, "mean"), (False, "mean"), (False, "sum")])
def test_the_first_losses_are_those_of_the_equations(
    folder: Path, autoencoder: Autoencoder, classifier: Classifier, reference: str, foreground_only: bool, norm: str
) -> None:
    pixels, masks = photographs()
    removal = settings(folder, steps=1, reference=reference, foreground_only=foreground_only, norm=norm)
    filled = mae_zip(classifier, autoencoder, pixels, masks, removal)
    with torch.no_grad():
        for number in range(2):
            x, m = pixels[number : number + 1], masks[number : number + 1]
            hidden = autoencoder.hidden(m, 0.5)
            around = visible_only(autoencoder, x, m)
            shown = torch.where(m[:, None] > 0, x, autoencoder.reconstruct(around, hidden).clamp(0, 1))
            token = autoencoder.network.decoder.mask_token.expand(1, 17, -1)
            tokens = token + autoencoder.network.decoder.decoder_pos_embed
            for layer in autoencoder.network.decoder.decoder_layers:
                tokens = layer(tokens)
            decoder = autoencoder.network.decoder
            zero = autoencoder.picture(decoder.decoder_pred(decoder.decoder_norm(tokens))[:, 1:]).clamp(0, 1)

            def features(image: Tensor) -> Tensor:
                return classifier.model[:2](classifier.normalise(image))[0]

            expected = m * features(around if reference == "filled" else x)
            found = features(shown) * (m if foreground_only else 1)
            p = classifier.logits(zero).softmax(1)[0]
            squares = (found - expected).square()
            losses = [float(squares.sum() if norm == "sum" else squares.mean()), float((p * p.log()).sum()), 0.0]
            torch.testing.assert_close(filled.picture[number], shown[0], atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(filled.zero[number], zero[0], atol=1e-5, rtol=1e-4)
            told = [float(loss[0, number]) for loss in (filled.foreground, filled.background, filled.size)]
            assert told == pytest.approx(losses, rel=1e-4, abs=1e-6)
            assert float(filled.total[0, number]) == pytest.approx(10 * losses[0] + losses[1], rel=1e-4)


def test_the_losses_fall_and_the_best_is_taken(folder: Path, autoencoder: Autoencoder, classifier: Classifier) -> None:
    pixels, masks = photographs(3)
    before = fingerprint(classifier.model)
    removal = settings(folder, steps=30, background=10.0)
    filled = mae_zip(classifier, autoencoder, pixels, masks, removal)
    least = filled.total.min(0)
    assert torch.equal(filled.best, least.indices)
    assert (least.values < filled.total[0]).all()
    logarithms = classifier.logits(filled.zero).log_softmax(1)
    entropy = -(logarithms.exp() * logarithms).sum(1)
    torch.testing.assert_close(-entropy, filled.background[filled.best, torch.arange(3)], atol=1e-4, rtol=1e-3)
    assert (entropy > -filled.background[0]).all()
    assert (filled.size[0] == 0).all()
    assert (filled.size[1:] > 0).all()
    assert fingerprint(classifier.model) == before
    assert all(p.requires_grad and p.grad is None for p in classifier.model.parameters())
    assert all(p.grad is None for p in autoencoder.network.parameters())


def test_the_literal_reference_leaks_and_the_filled_one_does_not(
    folder: Path, autoencoder: Autoencoder, classifier: Classifier
) -> None:
    pixels, masks = photographs()
    other = torch.where(masks[:, None] > 0, pixels, photographs(seed=5)[0])

    def same(reference: str) -> bool:
        removal = settings(folder, reference=reference)
        return torch.equal(*(mae_zip(classifier, autoencoder, x, masks, removal).picture for x in (pixels, other)))

    assert same("filled")
    assert same("ad")
    assert not same("photograph")


def test_features_of_the_visible_part_alone(classifier: Classifier) -> None:
    """Away from the border of what is hidden they are the photograph's, at the border the neighbours' mean is seen."""
    pixels, masks = photographs(2)
    found = deactivated_features(followed(classifier, pixels[0]), classifier, pixels, masks).reshape(2, 6, SIDE, SIDE)
    whole = classifier.model[:2](classifier.normalise(pixels)).detach()
    inside = nn.functional.max_pool2d(1 - masks[:, None], 3, 1, 1) == 0
    assert 0 < int(inside.sum()) < int(masks.sum())
    torch.testing.assert_close(found * inside, whole * inside, atol=1e-5, rtol=1e-4)
    assert not bool((found * (1 - masks[:, None])).any())
    assert not torch.allclose(found * masks[:, None], whole * masks[:, None], atol=1e-3)


def test_where_nothing_is_visible_no_reference_is_needed(
    folder: Path, autoencoder: Autoencoder, classifier: Classifier
) -> None:
    pixels, masks = photographs(2)
    masks[0] = 0
    assert not bool(deactivated_features(followed(classifier, pixels[0]), classifier, pixels[:1], masks[:1]).any())
    by_ad, filled = (
        mae_zip(classifier, autoencoder, pixels, masks, settings(folder, reference=reference)).total
        for reference in ("ad", "filled")
    )
    torch.testing.assert_close(by_ad[:, 0], filled[:, 0])
    assert not torch.allclose(by_ad[:, 1], filled[:, 1])
    alone = mae_zip(classifier, autoencoder, pixels[:1], masks[:1], settings(folder, reference="ad")).total
    torch.testing.assert_close(alone[:, 0], filled[:, 0], atol=1e-3, rtol=1e-3)


def test_company_changes_nothing_but_rounding(folder: Path, autoencoder: Autoencoder, classifier: Classifier) -> None:
    pixels, masks = photographs(3)
    removal = settings(folder)
    together = mae_zip(classifier, autoencoder, pixels, masks, removal).total
    for number in range(3):
        some = slice(number, number + 1)
        alone = mae_zip(classifier, autoencoder, pixels[some], masks[some], removal).total[:, 0]
        torch.testing.assert_close(alone, together[:, number], atol=1e-3, rtol=1e-3)


def test_a_mask_is_optimised_once(folder: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(*arguments: object) -> object:
        asked.append(len(arguments[2]))  # type: ignore[arg-type]
        return mae_zip(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "mae_zip", counted)
    removal, (pixels, masks) = settings(folder, steps=2), photographs(2)
    masked = removal.bind(classifier, pixels[0])
    twice = torch.cat([masks, masks[:1], torch.ones(1, SIDE, SIDE)])
    first = masked.painted(twice)
    assert asked == [2]  # where nothing is hidden there is nothing to optimise
    assert torch.equal(first[0], first[2])
    assert torch.equal(first[3], pixels[0])
    torch.testing.assert_close(masked(twice), classifier.logits(first))
    assert torch.equal(removal.bind(classifier, pixels[0]).painted(masks), first[:2])
    assert asked == [2]
    removal.bind(classifier, pixels[1]).painted(masks[:1])
    settings(folder, steps=3).bind(classifier, pixels[0]).painted(masks[:1])
    assert asked == [2, 1, 1]
    with torch.no_grad():
        classifier.model[4].bias += 1
    masked.painted(masks[:1])
    assert asked == [2, 1, 1, 1]
    monkeypatch.setattr(module, "KEPT", 1)
    masked.painted(masks)
    masked.painted(masks[1:])
    assert asked[4:] == [1]
    masked.painted(masks[:1])
    assert asked[4:] == [1, 1]


def test_the_mask_of_features_by_areas(classifier: Classifier) -> None:
    """At the photograph's resolution, at a coarser one, and mirrored."""
    masks = photographs()[1]
    whole = followed(classifier, photographs()[0][0])
    assert torch.equal(latent_mask(whole, masks, 0.5).reshape(2, 6, SIDE, SIDE)[:, 0], masks > 0)
    for move in (nn.Identity(), Mirror()):
        model = nn.Sequential(move, nn.AvgPool2d(8), *classifier.model)
        coarse = followed(Classifier(model, classifier.preprocessing), photographs()[0][0])
        seen = move(masks[:, None])[:, 0]
        assert torch.equal(latent_mask(coarse, masks, 0.5).reshape(2, 6, 4, 4)[:, 0], seen[:, ::8, ::8] > 0)
        half = torch.ones(1, SIDE, SIDE)
        half[:, :4] = 0
        assert latent_mask(coarse, half, 0.6).all()
        assert not latent_mask(coarse, half, 0.5).all()


class Mirror(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flip(-1)


class Averaged(nn.Module):
    """Test-time augmentation by mirroring, in one batch."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(torch.cat([x, x.flip(-1)]))
        return logits.view(2, len(x), -1).mean(0)


def test_features_of_a_photograph_and_its_mirror_image_are_kept_each_in_its_place(classifier: Classifier) -> None:
    pixels, masks = photographs(3)
    both = Classifier(Averaged(classifier.model), classifier.preprocessing)
    found = followed(both, pixels[0])(pixels)[1].detach().unflatten(1, (2, 6, SIDE, SIDE))
    network = followed(classifier, pixels[0])
    for copy, move in enumerate((lambda x: x, lambda x: x.flip(-1))):
        torch.testing.assert_close(found[:, copy].flatten(1), network(move(pixels))[1].detach())
        kept = latent_mask(followed(both, pixels[0]), masks, 0.5).unflatten(1, (2, 6, SIDE, SIDE))[:, copy, 0]
        assert torch.equal(kept, move(masks) > 0)
        hidden = deactivated_features(followed(both, pixels[0]), both, pixels, masks).unflatten(1, (2, 6, SIDE, SIDE))
        assert not bool((hidden[:, copy] * (1 - move(masks))[:, None]).any())
        assert bool(hidden[:, copy].any())


def test_specs_and_refusals(folder: Path) -> None:
    made = REMOVALS.create(f"mae-zip:{folder},steps=20,reference=photograph,foreground_only=true")
    assert made == MaeZip(str(folder), steps=20, reference="photograph", foreground_only=True)
    assert REMOVALS.create(made.name) == made
    for wrong in (
        {"steps": 0}, {"rate": 0.0}, {"foreground": -1.0}, {"background": float("nan")}, {"minimal": float("inf")},
        {"threshold": 0.0},
    ):  # fmt: skip
        with pytest.raises(ParameterError, match=next(iter(wrong))):
            settings(folder, **wrong)
    flat = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 3)), Preprocessing((SIDE, SIDE), None))
    with pytest.raises(NotApplicableError, match="no class activation map"):
        settings(folder).bind(flat, photographs()[0][0])


def test_a_loss_that_was_still_falling_is_told_also_of_what_is_remembered(folder: Path, classifier: Classifier) -> None:
    pixels, masks = photographs()
    removal = settings(folder, steps=3, rate=0.001)
    for _ in range(2):
        masked = removal.bind(classifier, pixels[0])
        masked(torch.stack([masks[0], torch.ones_like(masks[0])]))
        assert masked.notes == (
            "under 1 of 2 masks the loss of mae-zip was still falling when its steps were over; raise steps",
        )
    raised = settings(folder, steps=60, rate=0.05).bind(classifier, pixels[0])
    raised(masks[:1])
    assert not any("raise steps" in note for note in raised.notes)


def test_a_loss_has_settled_when_its_last_steps_bring_little() -> None:
    def settled(*values: float) -> bool:
        total = torch.tensor(values)[:, None]
        nothing = torch.zeros(1, 3, 2, 2)
        return bool(Filled(nothing, nothing, total, total, total, total, total.argmin(0)).settled)

    assert settled(3.0, 1.0, 1.0, 1.0)
    assert settled(3.0, 1.0, 2.0, 2.0)
    assert settled(1.0, 1.0)
    assert not settled(3.0, 2.0, 1.0)
    assert not settled(1.0)
