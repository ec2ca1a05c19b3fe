from .writing import report_of as report_of
from .writing import write_report as write_report
