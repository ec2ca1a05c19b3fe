from .classifier import Classifier as Classifier
from .classifier import Preprocessing as Preprocessing
