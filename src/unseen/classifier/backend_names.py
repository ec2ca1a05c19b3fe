"""The names of back ends, without what they need: commands list them before anything is loaded."""

from __future__ import annotations

from typing import Literal

BackendName = Literal["auto", "torch", "onnxruntime"]
"""What runs passes; see :class:`unseen.classifier.backend.Backend`."""
