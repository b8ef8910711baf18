"""Looking into fitted networks: scores, pruning, and pictures.

Matplotlib, an optional dependency, is loaded when something is drawn and not before.
"""

from skkan.inspection._edge_display import EdgeDisplay
from skkan.inspection._loss_curve_display import LossCurveDisplay
from skkan.inspection._network_display import KANDisplay

__all__ = ["EdgeDisplay", "KANDisplay", "LossCurveDisplay"]
