"""One self-contained page from a folder of results, for somebody who has never seen the project."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
