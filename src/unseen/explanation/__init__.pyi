from .explanation import Curve as Curve
from .explanation import Explanation as Explanation
from .explanation import Findings as Findings
from .explanation import Part as Part
