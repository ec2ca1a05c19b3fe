"""Masked autoencoders of transformers: asked about any mask, and as a removal."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor, nn

from unseen import Classifier, Preprocessing
from unseen.errors import ModelError, ParameterError
from unseen.removal import REMOVALS
from unseen.removal.fills.neighbour import neighbours
from unseen.removal.generative.autoencoder import Autoencoder, load_autoencoder
from unseen.removal.generative.design import Design
from unseen.removal.generative.masked_autoencoder import MaskedAutoencoder

SIDE, PATCH = 32, 8
DESIGN = Design(SIDE, PATCH, width=64, depth=2)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An autoencoder with random weights and other statistics than the usual ones, as transformers saves it."""
    place = tmp_path_factory.mktemp("mae")
    network = DESIGN.build(0).network
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.05
    network.save_pretrained(place)
    (place / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.3]})
    )
    return place


@pytest.fixture
def autoencoder(folder: Path) -> Autoencoder:
    return load_autoencoder(str(folder), CPU)


def classifier(side: int = SIDE) -> Classifier:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    return Classifier(model, Preprocessing(size=(side, side), resize=None))


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def edited(folder: Path, place: Path, **changes: Any) -> Path:
    """A copy of the folder with another configuration."""
    place.mkdir()
    for path in folder.iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    config = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps({**config, **changes}))
    return place


# ---- the autoencoder -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("visible", [1, 4, 11, 15])
@torch.no_grad()
def test_the_librarys_own_call_gives_the_same_bits(autoencoder: Autoencoder, visible: int) -> None:
    network = autoencoder.network
    pixels = noise(3, 3, SIDE, SIDE)
    hidden = noise(3, 16, seed=1).argsort(1).argsort(1) >= visible
    rank = torch.where(hidden, 1.0, 0.0) * 100 + torch.arange(16)  # visible ones first, each kind in order
    before = network.config.mask_ratio
    network.config.mask_ratio = 1 - (visible + 0.5) / 16
    try:
        expected = network(autoencoder.prepared(pixels), noise=rank)
        latent = network.vit(autoencoder.prepared(pixels), noise=rank).last_hidden_state
    finally:
        network.config.mask_ratio = before
    assert torch.equal(expected.mask.bool(), hidden)
    assert torch.equal(autoencoder.encode(autoencoder.prepared(pixels), hidden), latent)
    slots = autoencoder.embed(autoencoder.prepared(pixels), hidden)
    assert torch.equal(autoencoder.decode(slots, hidden), expected.logits)
    assert torch.equal(autoencoder.decode(slots, hidden, torch.zeros(3, 16, 64)), expected.logits)


@torch.no_grad()
def test_masks_with_different_counts_share_a_batch(autoencoder: Autoencoder) -> None:
    pixels = noise(5, 3, SIDE, SIDE)
    hidden = noise(5, 16, seed=2) < torch.tensor([0.1, 0.9, 0.5, 2, -1])[:, None]  # all and none among them
    together = autoencoder.reconstruct(pixels, hidden)
    for one, of, expected in zip(pixels, hidden, together, strict=True):
        torch.testing.assert_close(autoencoder.reconstruct(one[None], of[None])[0], expected, atol=1e-5, rtol=1e-4)


def test_z_moves_hidden_slots_only_by_attention(autoencoder: Autoencoder) -> None:
    prepared = autoencoder.prepared(noise(1, 3, SIDE, SIDE))
    hidden = torch.arange(16)[None] < 8
    slots = autoencoder.embed(prepared, hidden)
    z = torch.zeros(1, 16, 64, requires_grad=True)
    autoencoder.decode(slots, hidden, z).square().sum().backward()
    assert z.grad is not None
    assert torch.equal(z.grad.abs().sum(2) > 0, hidden)


def test_a_patch_is_hidden_from_the_threshold_on(autoencoder: Autoencoder) -> None:
    masks = torch.ones(3, SIDE, SIDE)
    masks[0, :4, :8] = 0  # exactly half of the first patch
    masks[1, :4, :8] = 0
    masks[1, 0, 0] = 1  # a pixel less
    masks[2, 0, 9] = 0  # a pixel of the second
    assert autoencoder.hidden(masks, 0.5).nonzero().tolist() == [[0, 0]]
    assert autoencoder.hidden(masks, 31 / 64).nonzero().tolist() == [[0, 0], [1, 0]]
    assert autoencoder.hidden(masks, 1 / 64).nonzero().tolist() == [[0, 0], [1, 0], [2, 1]]
    assert not autoencoder.hidden(masks, 1.0).any()
    assert autoencoder.hidden(torch.zeros(1, SIDE, SIDE), 1.0).all()


@pytest.mark.parametrize("size", [(32, 32), (48, 40), (30, 50), (7, 9)])
def test_shares_at_another_resolution_are_areas(autoencoder: Autoencoder, size: tuple[int, int]) -> None:
    mask = (noise(1, *size, seed=3) > 0.4).float()
    fine = mask.repeat_interleave(4, 1).repeat_interleave(4, 2)  # every border of a patch is one of a pixel
    shares = nn.functional.avg_pool2d(1 - fine, (size[0], size[1])).flatten()
    for threshold in (0.2, 0.4, 0.6):
        assert torch.equal(autoencoder.hidden(mask, threshold)[0], shares >= threshold - 1e-5)


def test_the_loaded_network_is_frozen_kept_and_read_again_when_it_changes(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = edited(folder, tmp_path / "copy")
    capsys.readouterr()
    first = load_autoencoder(str(copy), CPU)
    assert capsys.readouterr().err == ""
    assert transformers.logging.is_progress_bar_enabled()
    assert not first.network.training
    assert not any(parameter.requires_grad for parameter in first.network.parameters())
    assert (first.mean, first.std) == ((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    assert load_autoencoder(str(copy), CPU) is first
    DESIGN.build(7).network.save_pretrained(copy)
    assert load_autoencoder(str(copy), CPU).fingerprint != first.fingerprint


def test_pickled_weights_are_read_as_tensors(folder: Path, tmp_path: Path, autoencoder: Autoencoder) -> None:
    copy = edited(folder, tmp_path / "copy")
    (copy / "model.safetensors").unlink()
    (copy / "preprocessor_config.json").unlink()
    torch.save(autoencoder.network.state_dict(), copy / "pytorch_model.bin")
    found = load_autoencoder(str(copy), CPU)
    assert found.fingerprint == autoencoder.fingerprint
    assert found.mean == (0.485, 0.456, 0.406)


def test_what_is_refused(folder: Path, tmp_path: Path) -> None:
    def refusal(model: object) -> str:
        with pytest.raises(ModelError) as caught:
            load_autoencoder(str(model), CPU)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "there is no folder /nowhere/at/all" in refusal("/nowhere/at/all")
    assert "there is no folder nowhere" in refusal("nowhere")
    assert "normalised pixels" in refusal(edited(folder, tmp_path / "normalised", norm_pix_loss=True))
    assert "no masked autoencoder" in refusal(edited(folder, tmp_path / "vit", model_type="vit"))
    empty = edited(folder, tmp_path / "empty")
    (empty / "model.safetensors").unlink()
    assert "has no weights" in refusal(empty)
    (empty / "config.json").write_text("{")
    (empty / "model.safetensors").touch()
    assert "cannot be read" in refusal(empty)
    (empty / "config.json").unlink()
    assert "has no config.json" in refusal(empty)
    damaged = edited(folder, tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(b"no tensors")
    assert "cannot be loaded" in refusal(damaged)
    encoder = edited(folder, tmp_path / "encoder")
    transformers.ViTMAEModel.from_pretrained(folder).save_pretrained(encoder)
    assert "decoder" in refusal(encoder)


def test_a_hubs_name_without_a_connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"huggingface.co/nobody/no-such-model cannot be loaded"):
        load_autoencoder("nobody/no-such-model", CPU)


# ---- the removal -----------------------------------------------------------------------------------------------------


def test_specs(folder: Path) -> None:
    made = REMOVALS.create(f"mae:{folder},threshold=0.3,paste=false")
    assert made == MaskedAutoencoder(str(folder), 0.3, False)
    assert made.name == f"mae:{folder},threshold=0.3,paste=false"
    assert REMOVALS.create("mae:facebook/vit-mae-base").name == "mae:facebook/vit-mae-base"
    assert REMOVALS.create(MaskedAutoencoder("a=b").name) == MaskedAutoencoder("a=b")
    assert REMOVALS.split(["grey,mae:a/b,paste=false,black"]) == ("grey", "mae:a/b,paste=false", "black")
    for wrong in ("", "a,b"):
        with pytest.raises(ParameterError, match="model"):
            MaskedAutoencoder(wrong)
    for threshold in (0.0, 1.5, float("nan")):
        with pytest.raises(ParameterError, match="threshold"):
            MaskedAutoencoder("a/b", threshold)
    with pytest.raises(ModelError, match="there is no folder"):
        MaskedAutoencoder("nowhere").bind(classifier(), noise(3, SIDE, SIDE))


def test_pasted_is_put_together_pixel_by_pixel(folder: Path, autoencoder: Autoencoder) -> None:
    pixels, masks = noise(2, 3, SIDE, SIDE), (noise(2, SIDE, SIDE, seed=4) > 0.5).float()
    picture = MaskedAutoencoder(str(folder)).painted(classifier(), pixels, masks)
    around = torch.where(masks[:, None] > 0, pixels, neighbours(pixels, masks, float(PATCH)))
    hidden = autoencoder.hidden(masks, 0.5)
    assert 0 < hidden.sum() < hidden.numel()
    decoded = autoencoder.reconstruct(around, hidden).clamp(0, 1)
    for n, y, x in np.ndindex(2, SIDE, SIDE):
        cell = bool(hidden[n, (y // PATCH) * 4 + x // PATCH])
        source = pixels if masks[n, y, x] else decoded if cell else around
        assert torch.equal(picture[n, :, y, x], source[n, :, y, x])


@pytest.mark.parametrize("side", [SIDE, 48])
@pytest.mark.parametrize("paste", [True, False])
def test_what_is_hidden_has_no_influence(folder: Path, side: int, paste: bool) -> None:
    removal = MaskedAutoencoder(str(folder), paste=paste)
    pixels, masks = noise(4, 3, side, side), (noise(4, side, side, seed=5) > 0.5).float()
    masks[0, : side // 2] = 0
    masks[1] = 0
    masks[2] = 1
    other = torch.where(masks[:, None] > 0, pixels, noise(4, 3, side, side, seed=6))
    picture = removal.painted(classifier(side), pixels, masks)
    assert torch.equal(picture, removal.painted(classifier(side), other, masks))
    assert torch.equal(picture[2], pixels[2])
    assert 0 <= float(picture.min()) <= float(picture.max()) <= 1
    kept = (masks > 0)[:, None].expand_as(pixels)
    assert torch.equal(picture[kept], pixels[kept]) == paste


def test_batches_mix_photographs_and_a_bound_classifier_counts(folder: Path) -> None:
    removal, bound_to = MaskedAutoencoder(str(folder)), classifier()
    image, masks = noise(3, SIDE, SIDE), (noise(6, 4, 4, seed=7) > 0.5).float()
    masks = masks.repeat_interleave(PATCH, 1).repeat_interleave(PATCH, 2)
    one, many = (removal.bind(bound_to, image, batch_size=size) for size in (1, 6))
    torch.testing.assert_close(one(masks), many(masks))
    assert many.evaluations == 6
    with pytest.raises(ParameterError, match="0 and 1 only"):
        many(masks * 0.5)
    assert removal.to_dict()["weights"] == load_autoencoder(str(folder), CPU).fingerprint
