"""How likely it is that the local model answers well, and what the remote one would gain."""

from .estimator import Asked, ConfidenceEstimator, Estimate, Part
from .features import FEATURES_VERSION
from .judgement import probability_true

__all__ = ["FEATURES_VERSION", "Asked", "ConfidenceEstimator", "Estimate", "Part", "probability_true"]
