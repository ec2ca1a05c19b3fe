"""A part that a person chose: what the model says when it is hidden, and when only it is shown."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
