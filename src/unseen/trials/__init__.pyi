from .hiding import hide as hide
from .trial import Trial as Trial
from .trial import View as View
from .trials import Trials as Trials
