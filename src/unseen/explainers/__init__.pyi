from .catalogue import CONTROLS as CONTROLS
from .catalogue import METHODS as METHODS
from .method import Method as Method
from .sufficient.search import FromMap as FromMap
from .sufficient.search import map_of as map_of
