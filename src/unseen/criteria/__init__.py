"""Criteria that an attribution method may be asked to satisfy, as executable checks; ``unseen list criteria``."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
