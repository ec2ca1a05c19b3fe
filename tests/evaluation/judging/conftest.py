from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def bright_sides(tmp_path: Path) -> tuple[Path, ...]:
    """Four photographs that are bright on the left or on the right, in turn, as the model toy:sides wants them."""
    photos = []
    for number in range(4):
        image = Image.new("RGB", (64, 48), (20, 20, 20))
        image.paste((200 + number, 255, 255), (0, 0, 32, 48) if number % 2 == 0 else (32, 0, 64, 48))
        image.save(tmp_path / f"{number}.png")
        photos.append(tmp_path / f"{number}.png")
    return tuple(photos)
