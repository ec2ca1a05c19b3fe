from .classifier import Classifier as Classifier
from .preprocessing import Preprocessing as Preprocessing
