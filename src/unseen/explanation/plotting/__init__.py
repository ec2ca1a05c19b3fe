"""Pictures of explanations, drawn for a reader who doubts them; matplotlib is imported when one is made."""

from unseen.explanation.plotting.comparison import comparison
from unseen.explanation.plotting.figures import overlay, panel, parts, png

__all__ = ["comparison", "overlay", "panel", "parts", "png"]
