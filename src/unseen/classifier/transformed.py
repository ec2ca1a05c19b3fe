"""A preprocessing that a user has as a function, such as a ``Compose`` of torchvision or of albumentations.

What it does to the values of pixels, and where it puts them, is found by sending pictures through it: plain ones, and
ramps whose value says where it comes from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from unseen.classifier.functions import source_of
from unseen.classifier.prepared import Prepared
from unseen.classifier.preprocessing import Preprocessing
from unseen.errors import ParameterError, PhotoError, first_line
from unseen.inputs.bands import LUMINANCE
from unseen.inputs.geometry import Affine
from unseen.inputs.photo import PhotoSource, as_numbers, is_rounded, kind_of, open_upright, to_tensor
from unseen.inputs.reading import is_data
from unseen.system.arguments import type_of

Transform = Callable[..., Any]
"""From a Pillow image (RGB), or from ``image=`` an array (H, W, 3) of bytes, to what the network is fed."""

_ENTRIES = ("image", "pixel_values")
"""Where albumentations and the processors of transformers put it."""

_SIZES = ((375, 500), (500, 375))
"""(height, width) of the photographs on which a transform is tried."""

_STRAIGHT = 1.5
"""Pixels of the input by which a transform may miss the affine map nearest to it: filters round, and have borders."""

_ALIKE = 0.05
"""By how much a photograph may differ on average, in shares of white, from where its pixels are said to lie."""

_INSTEAD = "give unseen.Preprocessing(size, resize, mean=…, std=…), and let the network do the rest itself"
_STANDARDISED = (
    "if it standardises each picture by its own statistics, give unseen.Preprocessing(size, resize, mean=(0, 0, 0), "
    "std=(1, 1, 1), standardise='image'), or 'channel'"
)


@dataclass(frozen=True)
class Transformed(Preprocessing):
    """How photographs become the network's input where a function says it; :meth:`found` makes one.

    The function scales, crops, frames, turns or mirrors, and normalises each channel by a mean and a deviation, which
    are found. A map is laid over the photograph only if the way there is affine; one that bends photographs is
    explained on the network's input, and a note says so.

    Args:
        transform: see :data:`Transform`.
    """

    transform: Transform = field(kw_only=True, repr=False)
    _known: dict[tuple[int, int], Affine | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def found(cls, transform: Transform) -> Transformed:
        """The preprocessing that a function is.

        Raises:
            ParameterError: it fails, returns no channels of rows and columns, or of a size that depends on the
                photograph's; it is random, mixes channels, or changes values otherwise than by a mean and a standard
                deviation.

        Example:
            >>> import numpy as np
            >>> from PIL import Image
            >>> from unseen.classifier.transformed import Transformed
            >>> def halves(photo):
            ...     small = np.asarray(photo.resize((64, 48)), np.float32) / 255
            ...     return torch.from_numpy((small - 0.5) / 0.25).permute(2, 0, 1)
            >>> found = Transformed.found(halves)
            >>> found.size, [round(one, 4) for one in found.mean + found.std]
            ((48, 64), [0.5, 0.5, 0.5, 0.25, 0.25, 0.25])
        """
        name = _name(transform)
        photos = [_textured(size) for size in _SIZES]
        first, again, other = (_called(transform, photo) for photo in (photos[0], photos[0], photos[1]))
        if first.shape != other.shape:
            raise ParameterError(
                f"{name} makes {_sides(first)} of one photograph and {_sides(other)} of another; end it with a crop or "
                "a resize to one size"
            )
        if not torch.equal(first, again):
            raise ParameterError(f"{name} answers differently to the same photograph; give the transform of evaluation")
        black, grey, white, *pure = (_called(transform, _plain(_SIZES[0], colour)) for colour in _COLOURS)
        apart = (white - black).abs().amax(0)
        if not bool(apart.any()):
            raise ParameterError(f"{name} makes the same of black and of white; {_INSTEAD}; {_STANDARDISED}")
        inside = apart > 0.9 * apart.max()
        low, middle, high = (_usual(one, inside) for one in (black, grey, white))
        _check_values(name, low, middle, high)
        _check_channels(name, torch.stack([(_usual(one, inside) - low) / (high - low) for one in pure]))
        deviations = 1 / (high - low)
        made = cls(
            (int(first.shape[1]), int(first.shape[2])),
            None,
            mean=tuple((-low * deviations).tolist()),
            std=tuple(deviations.tolist()),
            transform=transform,
        )
        for photo in photos:
            made.placed(photo, ParameterError)
        return made

    def prepared(self, photo: PhotoSource) -> Prepared:
        """See :meth:`unseen.Classifier.prepare`, with what was done.

        Raises:
            PhotoError: see :func:`unseen.inputs.photo.open_photo`; or the transform does something to this photograph
                that it does not do to others.
        """
        if is_data(photo):
            raise PhotoError(f"{photo} holds numbers, and {_name(self.transform)} takes photographs; {_INSTEAD}")
        numbers = as_numbers(photo, self._sides) if self.channels == 3 else None
        if numbers is not None:
            scaling = Affine.scaling(self._sides, self._sides)
            return Prepared(numbers, kind_of(photo), self.size, geometry=scaling)
        opened = open_upright(photo)
        pixels, moved = self.placed(opened.image, PhotoError)
        geometry = None if moved is None else opened.geometry.compose(moved)
        bent = () if moved is not None else (
            f"{_name(self.transform)} bends photographs, so that the map lies over what the model is fed, and over the "
            "original nowhere",
        )  # fmt: skip
        given = (opened.image.height, opened.image.width)
        return Prepared(pixels, kind_of(photo), given, rounded=is_rounded(photo), geometry=geometry, remarks=bent)

    def placed(
        self, photo: Image.Image, error: type[PhotoError | ParameterError]
    ) -> tuple[Float[Tensor, "C H W"], Affine | None]:
        """A photograph as the network sees it, and the way there; ``None`` where it is not affine.

        Args:
            photo: upright, RGB.
            error: raised if the transform does anything else to it.
        """
        size = (photo.height, photo.width)
        if size not in self._known:
            self._known[size] = self._geometry(size)
        pixels, geometry = self._shares(_called(self.transform, photo)), self._known[size]
        if geometry is not None and _apart(photo, pixels, geometry) > _ALIKE:
            raise error(
                f"{_name(self.transform)} does more to a photograph than to move, scale and normalise its pixels, such "
                f"as to stretch its contrast; {_INSTEAD}"
            )
        return pixels.clamp(0, 1), geometry

    def crop(self, photo: Image.Image) -> Image.Image:
        """What the network sees of ``photo``, at the network's resolution; of a mask, where at least half is in it."""
        shares = self._shares(_called(self.transform, photo.convert("RGB"))).clamp(0, 1)
        if photo.mode == "1":
            return Image.fromarray((shares.mean(0) > 0.5).numpy())
        return Image.fromarray((255 * shares.expand(3, -1, -1)).round().byte().permute(1, 2, 0).numpy())

    def to_dict(self) -> dict[str, Any]:
        """Every option, what the transform calls itself, and the digest of its source; ready for JSON."""
        own = {one.name for one in fields(Transformed)} - {one.name for one in fields(Preprocessing)}
        record = {name: value for name, value in super().to_dict().items() if name not in own}
        said = re.sub(r" at 0x[0-9a-f]+", "", " ".join(repr(self.transform).split()))  # which no other run has
        return {**record, "transform": said, "transform_sha256": sha256(source_of(self.transform).encode()).hexdigest()}

    def _shares(self, normal: Float[Tensor, "C H W"]) -> Float[Tensor, "C H W"]:
        mean, std = self.statistics
        shares: Tensor = normal * std + mean
        return shares

    def _geometry(self, size: tuple[int, int]) -> Affine | None:
        """Where the pixels of a photograph of that size go; ``None`` where no affine map says it."""
        height, width = size
        across, down = _ramp(width)[None], _ramp(height)[:, None]
        ramps = (across * 0, across * 0 + 255, across, down)
        made = [self._shares(_called(self.transform, _grey(np.broadcast_to(ramp, size)))).mean(0) for ramp in ramps]
        black, white, x, y = made
        inside = (white - black) > 0.99  # what the transform frames a photograph with is neither
        steps = 255.0  # a ramp has that many, and its ends are flat where pixels beyond them are asked for
        inside &= (x * steps > 1) & (x * steps < steps - 1) & (y * steps > 1) & (y * steps < steps - 1)
        points = torch.stack([(x * width)[inside], (y * height)[inside]], 1).double()
        places = (inside.nonzero().flip(1) + 0.5).double()
        if len(points) < 16:
            return None
        return _fitted(points, places, size)


def fed_by(given: Preprocessing | Transform | None, function: str | None) -> Preprocessing:
    """The preprocessing that a user gives, as an object or as a function.

    Args:
        given: ``None`` for the usual one of ImageNet models.
        function: what the model is called if it is a function, which has no usual one.

    Raises:
        ParameterError: none is given for a function; it is of another kind; or see :meth:`Transformed.found`.

    Example:
        >>> from unseen.classifier.transformed import fed_by
        >>> fed_by(None, None).size
        (224, 224)
    """
    if isinstance(given, Preprocessing):
        return given
    if given is None:
        if function is None:
            return Preprocessing()
        raise ParameterError(
            f"the function {function} needs a preprocessing; give unseen.Preprocessing(size, resize, mean=…, "
            "std=…), with mean (0, 0, 0) and std (1, 1, 1) if it takes pixels in [0, 1]"
        )
    if not callable(given):
        raise ParameterError(
            f"the preprocessing is {type_of(given)}; give unseen.Preprocessing(size, resize, …), or a function "
            "of a Pillow image"
        )
    return Transformed.found(given)


def _fitted(points: Float[Tensor, "P 2"], places: Float[Tensor, "P 2"], size: tuple[int, int]) -> Affine | None:
    """The affine map from points of a photograph to places on the input, if there is one."""
    ones = torch.ones(len(places), 1, dtype=torch.float64)
    back: Tensor = torch.linalg.lstsq(
        torch.cat([places, ones], 1), points
    ).solution  # the ramps' noise is in the points
    linear = back[:2]
    if not bool(linear.isfinite().all()) or abs(float(torch.linalg.det(linear))) < 1e-9:
        return None
    forth = torch.linalg.inv(linear)
    shift = -back[2] @ forth
    missed = (points @ forth + shift - places).abs()
    rounding = 0.5 / 255 * torch.tensor([size[1], size[0]], dtype=torch.float64) @ forth.abs()
    if bool((missed.quantile(0.99, dim=0) > _STRAIGHT + rounding).any()):
        return None
    matrix = torch.cat([forth.T, shift[:, None]], 1).tolist()
    return Affine((tuple(matrix[0]), tuple(matrix[1])), size)


def _apart(photo: Image.Image, pixels: Float[Tensor, "C H W"], geometry: Affine) -> float:
    """How far the input is on average from the photograph where its pixels are said to lie, both blurred alike."""
    height, width = int(pixels.shape[1]), int(pixels.shape[2])
    rows, columns = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    places = geometry.inverse().apply(torch.stack([columns, rows], -1).numpy())
    ends = torch.tensor([photo.width, photo.height])
    grid = (2 * torch.from_numpy(places) / ends - 1).float()
    reduced = to_tensor(photo.resize((min(photo.width, width), min(photo.height, height)), Image.Resampling.BOX))
    there = F.grid_sample(reduced[None], grid[None], align_corners=False, padding_mode="border")[0]
    expected = there if len(pixels) == 3 else _luma(there)
    inside: Bool[Tensor, "H W"] = (grid.abs() < 1).all(-1)
    return float(_blurred((pixels - expected) * inside).abs().mean() / inside.float().mean().clamp(min=1e-6))


def _luma(colours: Float[Tensor, "3 H W"]) -> Float[Tensor, "1 H W"]:
    return (colours * torch.tensor(LUMINANCE)[:, None, None]).sum(0, keepdim=True)


def _blurred(planes: Float[Tensor, "C H W"]) -> Float[Tensor, "C h w"]:
    return F.avg_pool2d(planes, (max(1, planes.shape[1] // 16), max(1, planes.shape[2] // 16)))


# ---- asking the transform -----------------------------------------------------------------------------------

_COLOURS = ((0,) * 3, (128,) * 3, (255,) * 3, (255, 0, 0), (0, 255, 0), (0, 0, 255))
"""Black, grey, white, and the three colours."""


def _called(transform: Transform, photo: Image.Image) -> Float[Tensor, "C H W"]:
    """What the transform makes of a photograph, channels first.

    Raises:
        ParameterError: it fails, or makes something else.
    """
    made = _answered(transform, photo)
    if isinstance(made, Mapping):
        made = next((made[key] for key in _ENTRIES if key in made), made)
    made = to_tensor(made) if isinstance(made, Image.Image) and made.mode == "RGB" else made
    if isinstance(made, np.ndarray):
        last = made.ndim == 3 and made.shape[2] in (1, 3) and made.shape[0] not in (1, 3)
        made = torch.from_numpy(np.ascontiguousarray(np.moveaxis(made, -1, 0) if last else made))
    if isinstance(made, Tensor):
        made = made.detach().cpu().float()
        made = made[0] if made.ndim == 4 and len(made) == 1 else made
    if isinstance(made, Tensor) and not bool(made.isfinite().all()):
        raise ParameterError(f"{_name(transform)} makes numbers that are not finite; {_STANDARDISED}")
    if not isinstance(made, Tensor) or made.ndim != 3 or len(made) not in (1, 3):
        shape = f"shape {tuple(made.shape)}" if isinstance(made, Tensor) else type_of(made)
        raise ParameterError(
            f"{_name(transform)} returns {shape}; let it end with numbers of shape (C, H, W), of one or three channels"
        )
    return made


def _answered(transform: Transform, photo: Image.Image) -> object:
    """What it returns for a Pillow image, or, if it fails on that, for an array (H, W, 3) of bytes."""
    try:
        return transform(photo)
    except Exception as error:
        array = np.array(photo)
        for answer in (partial(transform, image=array), partial(transform, array)):
            try:
                return answer()
            except Exception:
                continue
        raise ParameterError(
            f"{_name(transform)} fails on a Pillow image ({type(error).__name__}: {first_line(error)}), and on an "
            "array; give a function that takes one of these"
        ) from error


def _usual(made: Float[Tensor, "C H W"], inside: Bool[Tensor, "H W"]) -> Float[Tensor, " C"]:
    """The values of a plain picture; edges apart, where it is mixed with what frames it."""
    return made[:, inside].double().median(1).values


def _check_values(name: str, low: Tensor, middle: Tensor, high: Tensor) -> None:
    if not bool((high - low > 1e-6).all()):
        raise ParameterError(f"{name} makes nothing brighter of white than of black; {_INSTEAD}")
    if bool(((middle - low) / (high - low) - 128 / 255).abs().max() > 0.01):
        raise ParameterError(f"{name} changes values otherwise than by a mean and a standard deviation; {_INSTEAD}")


def _check_channels(name: str, pure: Float[Tensor, "3 C"]) -> None:
    if pure.shape[1] == 3 and bool((pure - torch.eye(3)).abs().max() > 0.02):
        raise ParameterError(f"{name} mixes or swaps red, green and blue; leave that to the network's first layer")


def _textured(size: tuple[int, int]) -> Image.Image:
    """Soft noise between dark and light grey, the same whenever it is asked for."""
    coarse = torch.rand((1, 3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    soft = 0.25 + 0.5 * F.interpolate(coarse, size, mode="bilinear")[0]
    return Image.fromarray((255 * soft).round().byte().permute(1, 2, 0).numpy())


def _plain(size: tuple[int, int], colour: tuple[int, ...]) -> Image.Image:
    return Image.new("RGB", (size[1], size[0]), colour)


def _ramp(length: int) -> NDArray[np.uint8]:
    """Bytes from black to white, in proportion to where pixels' centres lie."""
    return (255 * (np.arange(length) + 0.5) / length).round().astype(np.uint8)


def _grey(plane: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.repeat(plane[..., None], 3, 2))


def _name(transform: Transform) -> str:
    return f"the transform {getattr(transform, '__name__', type(transform).__name__)}"


def _sides(made: Tensor) -> str:
    return f"{made.shape[1]} × {made.shape[2]}"
