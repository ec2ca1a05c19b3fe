from .classifier.classifier import Classifier as Classifier
from .classifier.preprocessing import Preprocessing as Preprocessing
from .classifier.zoo.catalogue import MODELS as MODELS
from .classifier.zoo.loading import load_classifier as load_classifier
from .criteria.catalogue import CRITERIA as CRITERIA
from .evaluation.classes.view import ClassView as ClassView
from .evaluation.classes.viewing import view_classes as view_classes
from .explainers.catalogue import METHODS as METHODS
from .explanation.explanation import Explanation as Explanation
from .explanation.findings import Curve as Curve
from .explanation.findings import Part as Part
from .inputs.photo import open_photo as open_photo
from .metrics.catalogue import METRICS as METRICS
from .pipeline.check_model import ModelCheck as ModelCheck
from .pipeline.check_model import check_model as check_model
from .pipeline.compare import compare as compare
from .pipeline.explain import explain as explain
from .removal.catalogue import REMOVALS as REMOVALS
from .trials.hiding import hide as hide

__version__: str
