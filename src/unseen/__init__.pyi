from .classifier import Classifier as Classifier
from .classifier import Preprocessing as Preprocessing
from .classifier.zoo import load_classifier as load_classifier
from .explanation import Curve as Curve
from .explanation import Explanation as Explanation
from .explanation import Part as Part
from .inputs.photo import open_photo as open_photo
from .pipeline.explain import explain as explain

__version__: str
