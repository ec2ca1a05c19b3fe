"""Models in a file of ONNX: ``onnx:FILE``, run by ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path

import torch

from unseen.classifier.inference import OnnxNetwork
from unseen.classifier.preprocessing import Preprocessing
from unseen.classifier.zoo.source import ASSUMED, Loaded, local_file


def load(name: str, weights: Path | None) -> Loaded:
    """The network of the file; the size and the channels of its input are read from it where they are fixed.

    Raises:
        ModelError: ONNX Runtime is not installed, the file cannot be run, or its input has not one to three axes.
    """
    del weights
    path = local_file(name)
    network = OnnxNetwork(path, torch.get_num_threads(), "check that it is an ONNX file, and export it again")
    size = tuple(side for side in network.input.size if side is not None)
    image = len(network.input.size) == 2
    if len(size) < len(network.input.size):
        if not image:
            return Loaded(network, None, None)
        return Loaded(network, Preprocessing(), None, assumed=f"{path} leaves the size of its input open: {ASSUMED}")
    channels = network.input.channels or (3 if image else 1)
    if channels != 3 or not image:
        said = "its numbers are taken as they are; give a preprocessing (--preprocessing) if it was another"
        preprocessing = Preprocessing(size, None, mean=(0.0,) * channels, std=(1.0,) * channels)
        return Loaded(network, preprocessing, None, assumed=f"{path} does not say how its {channels} channels were "
                      f"prepared: {said}")  # fmt: skip
    preprocessing = Preprocessing(size, None)
    return Loaded(network, preprocessing, None, assumed=f"{path} does not say how photographs were prepared: {ASSUMED}")
