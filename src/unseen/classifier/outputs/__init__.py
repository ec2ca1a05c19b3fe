"""What the numbers that a model returns mean: one class of several, independent findings, one of two, a value."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
