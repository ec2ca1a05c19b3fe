from .catalogue import REMOVALS as REMOVALS
from .masked import MaskedClassifier as MaskedClassifier
from .masked import MaskedForward as MaskedForward
from .masked import Removal as Removal
