"""A small masked autoencoder, untrained: its size, and the position embeddings that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.errors import ParameterError
from unseen.inputs.streams import default_stream
from unseen.removal.generative.autoencoder import Autoencoder, vit_mae
from unseen.system.options import Count, Options

MASKED = 0.75
"""Share of the patches that is hidden in training, as in the paper."""


@dataclass(frozen=True)
class Design(Options):
    """Sizes of an autoencoder.

    Raises:
        ParameterError: a parameter outside its range, or sides that do not fit.
    """

    size: Annotated[int, Count("the side of the square photographs in pixels, a multiple of the patch", 4)] = 224
    patch: Annotated[int, Count("the side of a patch in pixels", 2)] = 16
    width: Annotated[
        int, Count("the width of the encoder, a multiple of 64; the decoder has two thirds of it, rounded to 64", 64)
    ] = 192
    depth: Annotated[int, Count("how many layers the encoder has; the decoder has half as many")] = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size % self.patch or self.size < 2 * self.patch:
            raise ParameterError(
                f"size must be a multiple of the patch, {self.patch}, and hold at least two a side, got {self.size}; "
                f"give {self.patch * max(2, round(self.size / self.patch))}"
            )
        if self.width % 64:
            raise ParameterError(
                f"width must be a multiple of 64, got {self.width}; give {64 * round(self.width / 64)}"
            )

    def build(self, seed: int) -> Autoencoder:
        """With random weights from the seed; the global generator is left as it was.

        transformers 5.23 leaves the position embeddings of a new one at 0, for it takes them from trained weights.
        Here they are fixed sines and cosines of the patch's row and column, as in the paper.

        Raises:
            ModelError: transformers is not installed.
        """
        library = vit_mae()
        narrow = max(64, round(self.width / 96) * 64)
        config = library.ViTMAEConfig(
            hidden_size=self.width,
            num_hidden_layers=self.depth,
            num_attention_heads=self.width // 64,
            intermediate_size=4 * self.width,
            decoder_hidden_size=narrow,
            decoder_num_hidden_layers=max(1, self.depth // 2),
            decoder_num_attention_heads=narrow // 64,
            decoder_intermediate_size=4 * narrow,
            image_size=self.size,
            patch_size=self.patch,
            mask_ratio=MASKED,
            norm_pix_loss=False,
        )
        with default_stream(seed):
            network = library.ViTMAEForPreTraining(config)
            with torch.no_grad():
                network.decoder.mask_token.normal_(std=config.initializer_range)
        _place(network, self.size // self.patch)
        return Autoencoder(network, "new")


@torch.no_grad()
def _place(network: Any, grid: int) -> None:
    for embeddings in (network.vit.embeddings.position_embeddings, network.decoder.decoder_pos_embed):
        embeddings[0, 0] = 0  # the class token's
        embeddings[0, 1:] = waves(grid, embeddings.shape[2])


def waves(grid: int, width: int) -> Float[Tensor, "P D"]:
    """Positions of a square grid, row by row: sines and cosines of the column, then of the row (Vaswani et al., 2017).

    Args:
        grid: patches along one side.
        width: of an embedding, a multiple of 4; frequencies fall from 1 to almost 1/10,000 of a patch's side.
    """
    quarter = width // 4
    frequency = 10_000 ** -(torch.arange(quarter, dtype=torch.float64) / quarter)
    angles = torch.arange(grid, dtype=torch.float64)[:, None] * frequency
    along = torch.cat([angles.sin(), angles.cos()], 1)
    columns, rows = along.repeat(grid, 1), along.repeat_interleave(grid, 0)
    return torch.cat([columns, rows], 1).float()
