from .explanation import Explanation as Explanation
from .findings import Curve as Curve
from .findings import Findings as Findings
from .findings import Part as Part
from .original import OnPhoto as OnPhoto
from .regions import Region as Region
from .roles import Role as Role
