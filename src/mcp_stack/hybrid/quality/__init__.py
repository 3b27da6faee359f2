"""Whether an answer is good enough to be given."""

from .assessing import Quality, asked, assess, defect_of
from .findings import Finding
from .inspection import FEATURES, FEATURES_VERSION, Inspection, inspect
from .judge import Judge, fitted, unfitted

__all__ = [
    "FEATURES",
    "FEATURES_VERSION",
    "Finding",
    "Inspection",
    "Judge",
    "Quality",
    "asked",
    "assess",
    "defect_of",
    "fitted",
    "inspect",
    "unfitted",
]
