"""The page in the browser: explain a photograph, hide parts of it, compare methods, and read evaluations."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
