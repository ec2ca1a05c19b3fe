"""Image classifiers of Hugging Face transformers, from the hub or from a local folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from unseen.classifier.preprocessing import Interpolation, Preprocessing
from unseen.classifier.zoo.source import Loaded, verified
from unseen.classifier.zoo.weights import download_from_hub, downloading
from unseen.errors import ModelError
from unseen.system.optional import require

_FILES = ["config.json", "preprocessor_config.json", "processor_config.json", "model*.safetensors", "*.index.json"]
_MEANT = {"single_label_classification": "logits", "multi_label_classification": "sigmoid", "regression": "value"}
"""What numbers mean, by ``problem_type``."""
_FILTERS: dict[int, Interpolation] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}  # Pillow's numbers


def load(name: str, weights: Path | None) -> Loaded:
    """The classifier of the folder or hub repository ``name``; safetensors only, and no code from there runs.

    Raises:
        ModelError: transformers is missing, or the model cannot be had, is not an image classifier, brings code of
            its own, has no safetensors weights or an untrained head.
    """
    if weights is not None:
        raise ModelError(f"'hf:' takes no weights file; name the folder that holds it: hf:{weights.parent}")
    transformers = require("transformers", "transformers")
    folder = Path(name)
    if not folder.is_dir():
        folder = download_from_hub(name, _FILES)
    if not any(folder.glob("model*.safetensors")):
        raise ModelError(f"hf:{name} has no model.safetensors; other formats can run code when they are read")
    with downloading(f"hf:{name}", "choose an image classifier whose code is part of transformers"):
        processor = transformers.AutoImageProcessor.from_pretrained(
            folder, backend="pil", local_files_only=True, trust_remote_code=False
        )
        model, report = transformers.AutoModelForImageClassification.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    if report["missing_keys"] or report["mismatched_keys"]:
        missing = sorted(str(key) for key in (*report["missing_keys"], *report["mismatched_keys"]))
        raise ModelError(f"hf:{name} has no trained {missing[0]}; choose a repository of an image classifier")
    labels = model.config.id2label
    return Loaded(
        model,
        verified(_preprocessing(processor, name), _reference(processor), f"hf:{name}"),
        tuple(str(labels[index]) for index in range(model.config.num_labels)),
        outputs=_MEANT.get(model.config.problem_type),
    )


def _preprocessing(processor: Any, name: str) -> Preprocessing:
    """The processor's settings in our terms; what they cannot say is left to the comparison that follows."""
    settings: dict[str, Any] = processor.to_dict()
    size = settings.get("size") or {}
    crop = (settings.get("crop_size") or {}) if settings.get("do_center_crop") else {}
    resize: int | tuple[int, int] | None = None
    if "height" in size:
        resize = (size["height"], size["width"])
        target = (crop.get("height", resize[0]), crop.get("width", resize[1]))
    elif "shortest_edge" not in size:
        raise ModelError(f"hf:{name} resizes in an unknown way ({size}); give Classifier your own preprocessing")
    elif "crop_pct" in settings:  # ConvNeXt's: enlarge and crop below 384, squash from there on
        side = int(size["shortest_edge"])
        target = (side, side)
        resize = int(side / settings["crop_pct"]) if side < 384 else None
    else:
        resize = side = int(size["shortest_edge"])
        target = (crop.get("height", side), crop.get("width", side))
    resample = settings.get("resample", 2)
    if resample not in _FILTERS:
        raise ModelError(
            f"hf:{name} resizes with an unknown filter ({resample}); give Classifier your own preprocessing"
        )
    scale = 255 * settings.get("rescale_factor", 1 / 255) if settings.get("do_rescale", True) else 255
    mean, std = settings.get("image_mean"), settings.get("image_std")
    if not settings.get("do_normalize", True) or mean is None or std is None:
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    return Preprocessing(
        size=target,
        resize=resize,
        interpolation=_FILTERS[resample],
        mean=tuple(m / scale for m in mean),
        std=tuple(s / scale for s in std),
    )


def _reference(processor: Any) -> Any:
    def transform(photo: Image.Image) -> Tensor:
        pixels: Tensor = processor(photo, return_tensors="pt")["pixel_values"]
        return pixels[0]

    return transform
