from .catalogue import CRITERIA as CRITERIA
from .checks import check as check
from .checks import table as table
from .verdict import Asked as Asked
from .verdict import Verdict as Verdict
