from .catalogue import METRICS as METRICS
from .entry import MetricEntry as MetricEntry
from .entry import Need as Need
