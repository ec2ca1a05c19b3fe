from .catalogue import MODELS as MODELS
from .loading import load_classifier as load_classifier
from .source import Loaded as Loaded
from .source import Loader as Loader
