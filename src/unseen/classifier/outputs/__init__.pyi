from .base import Outputs as Outputs
from .binary import Binary as Binary
from .catalogue import OUTPUTS as OUTPUTS
from .logits import Logits as Logits
from .probabilities import Probabilities as Probabilities
from .sigmoid import Sigmoid as Sigmoid
from .value import Value as Value
