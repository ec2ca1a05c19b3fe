"""A masked autoencoder of transformers, asked about masks that one chooses.

The library draws masks at random and hides the same number of patches in every photograph of a batch. Here any patches
may be hidden, and another number in each photograph. Where the library's own call applies, the result is the same to
the bit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import interpolate

from unseen.classifier.fingerprint import fingerprint
from unseen.classifier.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from unseen.classifier.zoo.weights import download_from_hub, downloading
from unseen.errors import ModelError
from unseen.system.names import with_article
from unseen.system.optional import require
from unseen.system.schema import MalformedError, checked, read_json

_SETTINGS = ["config.json", "preprocessor_config.json", "processor_config.json"]
_SAFE, _PICKLED = ("model*.safetensors*", "pytorch_model*.bin*")
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_WHERE = "give a folder that 'unseen train-mae' made, or a name of the hub such as facebook/vit-mae-base"
_ROUNDING = 1e-5
"""Of a share of a patch, in float32."""


@dataclass(frozen=True, eq=False)
class Autoencoder:
    """He et al., *Masked Autoencoders Are Scalable Vision Learners*, CVPR 2022, as ``ViTMAEForPreTraining``.

    P patches lie row by row; D is the decoder's width. Slot 0 of the decoder is that of the class token.

    Attributes:
        network: transformers' module, in evaluation mode, without gradients for its parameters.
        name: the folder or the hub's name.
        mean: of the pixels that it was trained on, per channel.
        std: likewise.
    """

    network: Any
    name: str
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    @property
    def side(self) -> int:
        """Of the square photographs that it takes, in pixels."""
        return int(self.network.config.image_size)

    @property
    def patch(self) -> int:
        """Side of a patch in pixels."""
        return int(self.network.config.patch_size)

    @property
    def grid(self) -> int:
        """Patches along one side."""
        return self.side // self.patch

    @property
    def fingerprint(self) -> str:
        """See :func:`unseen.classifier.fingerprint.fingerprint`."""
        return fingerprint(self.network)

    # ---- pixels in and out ------------------------------------------------------------------------------------------

    def prepared(self, pixels: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N 3 S S"]:
        """Photographs in [0, 1], of any size, resampled to the autoencoder's own and normalised."""
        return (resampled(pixels.float(), (self.side, self.side)) - self._stats(0, pixels)) / self._stats(1, pixels)

    def picture(self, patches: Float[Tensor, "N P _"]) -> Float[Tensor, "N 3 S S"]:
        """What the decoder gives, as pixels; not clamped to [0, 1]."""
        image: Tensor = self.network.unpatchify(patches)
        return image * self._stats(1, image) + self._stats(0, image)

    def _stats(self, which: int, like: Tensor) -> Tensor:
        values = (self.mean, self.std)[which]
        return torch.tensor(values, device=like.device, dtype=torch.float32)[:, None, None]

    def hidden(self, masks: Float[Tensor, "N H W"], threshold: float) -> Bool[Tensor, "N P"]:
        """Which patches are hidden: those of whose area at least a share of ``threshold`` is.

        Where a border of patches runs through a pixel, both sides have their part of it.
        """
        down, across = (areas(side, self.grid).to(masks.device) for side in masks.shape[1:])
        shares = (down @ (1 - masks.float()) @ across.T).flatten(1)
        return shares >= threshold - _ROUNDING

    def spread(self, patches: Bool[Tensor, "N P"], size: tuple[int, int]) -> Bool[Tensor, "N H W"]:
        """What is true of patches, for every pixel of a photograph of this size."""
        rows, columns = (((torch.arange(side) + 0.5) * self.grid / side).long().to(patches.device) for side in size)
        return patches.reshape(-1, self.grid, self.grid)[:, rows][:, :, columns]

    # ---- encoder and decoder ----------------------------------------------------------------------------------------

    def encode(self, prepared: Float[Tensor, "N 3 S S"], hidden: Bool[Tensor, "N P"]) -> Float[Tensor, "N V1 E"]:
        """Latent class token and visible patches, in order; the number of visible patches is that of every photograph.

        Hidden patches have no influence.
        """
        vit = self.network.vit
        tokens = vit.embeddings.patch_embeddings(prepared)
        tokens = tokens + vit.embeddings.position_embeddings[:, 1:]
        tokens = tokens[~hidden].reshape(len(tokens), -1, tokens.shape[2])
        first = vit.embeddings.cls_token + vit.embeddings.position_embeddings[:, :1]
        tokens = torch.cat([first.expand(len(tokens), -1, -1), tokens], 1)
        for layer in vit.layers:
            tokens = layer(tokens)
        latent: Tensor = vit.layernorm(tokens)
        return latent

    def embed(self, prepared: Float[Tensor, "N 3 S S"], hidden: Bool[Tensor, "N P"]) -> Float[Tensor, "N P1 D"]:
        """The decoder's slots, hidden ones 0; photographs with equally many visible patches are encoded together."""
        decoder = self.network.decoder
        slots = prepared.new_zeros(len(hidden), hidden.shape[1] + 1, decoder.mask_token.shape[2])
        taken = torch.cat([hidden.new_ones(len(hidden), 1), ~hidden], 1)
        counts = hidden.sum(1)
        for count in sorted(set(counts.tolist())):
            some = (counts == count).nonzero()[:, 0]
            tokens = decoder.decoder_embed(self.encode(prepared[some], hidden[some]))
            whose, where = taken[some].nonzero(as_tuple=True)
            slots = slots.index_put((some[whose], where), tokens.flatten(0, 1))
        return slots

    def decode(
        self, slots: Float[Tensor, "N P1 D"], hidden: Bool[Tensor, "N P"], z: Float[Tensor, "N P D"] | None = None
    ) -> Float[Tensor, "N P _"]:
        """Normalised pixels of all patches, with the mask token, plus ``z``, in the hidden slots."""
        decoder = self.network.decoder
        token = decoder.mask_token if z is None else decoder.mask_token + z
        tokens = torch.cat([slots[:, :1], torch.where(hidden[..., None], token, slots[:, 1:])], 1)
        tokens = tokens + decoder.decoder_pos_embed
        for layer in decoder.decoder_layers:
            tokens = layer(tokens)
        patches: Tensor = decoder.decoder_pred(decoder.decoder_norm(tokens))[:, 1:]
        return patches

    def reconstruct(self, pixels: Float[Tensor, "N 3 H W"], hidden: Bool[Tensor, "N P"]) -> Float[Tensor, "N 3 S S"]:
        """The decoder's picture of photographs, in pixel units at the autoencoder's resolution; not clamped."""
        return self.picture(self.decode(self.embed(self.prepared(pixels), hidden), hidden))


def resampled(pixels: Float[Tensor, "N 3 H W"], size: tuple[int, int]) -> Float[Tensor, "N 3 _ _"]:
    """At another resolution, averaged where it is lower; the same tensor if the size is right."""
    if tuple(pixels.shape[2:]) == size:
        return pixels
    return interpolate(pixels, size=size, mode="bilinear", align_corners=False, antialias=True)


@lru_cache(maxsize=16)
def areas(length: int, cells: int) -> Float[Tensor, "C L"]:
    """The share of each cell that each pixel covers, along one axis; rows sum to 1."""
    cell = length / cells
    pixel = torch.arange(length, dtype=torch.float64)
    start = torch.arange(cells, dtype=torch.float64)[:, None] * cell
    overlap = torch.minimum(pixel + 1, start + cell) - torch.maximum(pixel, start)
    return (overlap.clamp(min=0) / cell).float()


# ---- loading --------------------------------------------------------------------------------------------------------


def vit_mae() -> Any:
    """Transformers' module of masked autoencoders.

    Raises:
        ModelError: transformers is not installed, or does not work with what else is.
    """
    require("transformers", "transformers")
    return require("transformers.models.vit_mae.modeling_vit_mae", "transformers")


def load_autoencoder(model: str, device: torch.device) -> Autoencoder:
    """The autoencoder of a folder or of the hub; kept, so that it is read once for each device.

    A hub's name that is not in the cache is downloaded; without a connection that fails at once.

    Args:
        model: a folder in transformers' format, or ``owner/name``.
        device: where it is to run.

    Raises:
        ModelError: transformers is missing, or the model cannot be had, is no masked autoencoder, lacks weights such
            as those of its decoder, or was trained on normalised pixels, whose pictures have no colours of their own.
    """
    folder = Path(model).expanduser()
    stamps = tuple(sorted((path.name, path.stat().st_mtime_ns) for path in _files(folder)))
    return _loaded(model, str(device), stamps)


@contextmanager
def quietly() -> Iterator[None]:
    """Inside, transformers draws no progress bars of its own; afterwards it is as the user has chosen."""
    logging = require("transformers.utils.logging", "transformers")
    drawn = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if drawn:
            logging.enable_progress_bar()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else iter(())


@lru_cache(maxsize=4)
def _loaded(model: str, device: str, stamps: tuple[tuple[str, int], ...]) -> Autoencoder:
    del stamps  # a folder that is written again is read again
    library = vit_mae()
    folder, safe = _found(model)
    settings = _read(folder / "config.json")
    if settings.get("model_type") != "vit_mae":
        raise ModelError(
            f"{model} is {with_article(str(settings.get('model_type')))}, no masked autoencoder (vit_mae); {_WHERE}"
        )
    if settings.get("norm_pix_loss"):
        raise ModelError(
            f"{model} was trained on normalised pixels (norm_pix_loss), so that its pictures have no colours of their "
            "own; choose another, such as facebook/vit-mae-base"
        )
    with downloading(model, _WHERE), quietly():
        network, report = library.ViTMAEForPreTraining.from_pretrained(
            folder, local_files_only=True, use_safetensors=safe, output_loading_info=True, dtype=torch.float32
        )
    lacking = sorted(str(key) for key in (*report["missing_keys"], *report["mismatched_keys"]))
    if lacking:
        raise ModelError(f"{model} has no trained {lacking[0]}: it is an encoder only; {_WHERE}")
    config = network.config
    if not isinstance(config.image_size, int) or config.image_size % config.patch_size or config.num_channels != 3:
        raise ModelError(f"{model} takes no square RGB photographs of whole patches; choose another")
    if not hasattr(network.vit, "layers"):
        raise ModelError("the installed transformers builds masked autoencoders in another way; use 5.23 or newer")
    return Autoencoder(network.eval().requires_grad_(False).to(device), model, *_statistics(folder))


def _found(model: str) -> tuple[Path, bool]:
    """The folder, and whether its weights are safetensors; pickled ones are read as tensors only."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if not _HUB.fullmatch(model):
            raise ModelError(f"there is no folder {model}; {_WHERE}")
        folder = download_from_hub(model, [*_SETTINGS, _SAFE])
        if not any(folder.glob(_SAFE)):
            folder = download_from_hub(model, [*_SETTINGS, _PICKLED])
    if not (folder / "config.json").is_file():
        raise ModelError(f"{model} has no config.json; {_WHERE}")
    safe = any(folder.glob(_SAFE))
    if not safe and not any(folder.glob(_PICKLED)):
        raise ModelError(f"{model} has no weights (model.safetensors); {_WHERE}")
    return folder, safe


def _statistics(folder: Path) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and standard deviation of the folder's processor; without one those of ImageNet, as transformers has it."""
    found: dict[str, Any] = {}
    for name in ("processor_config.json", "preprocessor_config.json"):
        if (folder / name).is_file():
            found = _read(folder / name)
            inner = found.get("image_processor", found)
            found = inner if isinstance(inner, dict) else {}
    if not found.get("do_normalize", True):
        return (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    try:
        three = tuple[float, float, float]
        mean = checked(found.get("image_mean", IMAGENET_MEAN), three, "image_mean")
        std = checked(found.get("image_std", IMAGENET_STD), three, "image_std")
    except MalformedError as error:
        raise ModelError(f"the processor of {folder} is damaged ({error}); download it again") from None
    Preprocessing(mean=mean, std=std)  # refuses what is none
    return mean, std


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = read_json(path, dict[str, Any])
    except (OSError, MalformedError) as error:
        raise ModelError(f"{path} cannot be read ({error}); download it again") from None
    return found
