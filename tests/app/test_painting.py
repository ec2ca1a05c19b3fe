from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unseen.app.painting import mask_of, painting
from unseen.errors import ParameterError


def address(picture: Image.Image, kind: str = "PNG") -> str:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Lying on its side: displayed, it is 40 wide and 80 high."""
    turned = Image.Exif()
    turned[274] = 6
    Image.new("RGB", (80, 40), "red").save(tmp_path / "photo.jpg", exif=turned)
    return tmp_path / "photo.jpg"


def test_a_mask_has_the_size_of_the_photograph_as_it_is_displayed(photo: Path, tmp_path: Path) -> None:
    painted = Image.new("RGBA", (20, 40))
    painted.paste((0, 114, 178, 255), (0, 0, 20, 10))
    mask = np.asarray(Image.open(mask_of(address(painted), photo, tmp_path)))
    assert mask.shape == (80, 40)
    assert (mask[:20] == 255).all()
    assert not mask[20:].any()


def test_what_is_no_mask_is_refused(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="nothing is painted"):
        mask_of(address(Image.new("RGBA", (20, 40))), photo, tmp_path)
    wrong = ["", "/etc/passwd", "data:image/png;base64,????", "data:image/png;base64,AAAA"]
    wrong += [
        address(Image.new("RGB", (20, 40)), "BMP"),
        address(Image.new("RGBA", (5000, 2))),
        f"data:{'A' * 5_000_000}",
    ]
    for one in wrong:
        with pytest.raises(ParameterError, match="did not arrive"):
            mask_of(one, photo, tmp_path)


def test_the_ground_is_what_is_displayed(photo: Path) -> None:
    assert 'width="40" height="80"' in painting(photo)
