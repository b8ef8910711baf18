"""Looking into fitted networks: scores, pruning, and pictures.

Matplotlib, an optional dependency, is loaded when something is drawn and not before.
"""

from skkan.inspection._edge_display import EdgeDisplay
from skkan.inspection._effects_display import EffectsDisplay
from skkan.inspection._local_display import LocalDisplay
from skkan.inspection._loss_curve_display import LossCurveDisplay
from skkan.inspection._network_display import KANDisplay

__all__ = ["EdgeDisplay", "EffectsDisplay", "KANDisplay", "LocalDisplay", "LossCurveDisplay"]
