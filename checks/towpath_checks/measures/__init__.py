"""How good is this result? One file for each measure: arrays in, a number with its interval out.

Labels are arrays of text, shape (n,); probabilities have shape (n, classes) in float64, with `classes`, shape
(classes,), naming their columns. A measure of nothing, or of something that is not a number, is refused.
"""

from towpath_checks.measures._common import Measure, answers
from towpath_checks.measures._explaining import Metric, Predict, share_right

__all__ = ["Measure", "Metric", "Predict", "answers", "share_right"]
