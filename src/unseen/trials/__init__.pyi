from .hiding import hide as hide
from .trial import RemovalTrial as RemovalTrial
from .trial import View as View
from .trials import Trials as Trials
