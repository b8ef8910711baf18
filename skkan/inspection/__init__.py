"""Looking into fitted networks: scores, pruning, and pictures.

Matplotlib, an optional dependency, is loaded when something is drawn and not before.
"""

from skkan.inspection.displays._edge_display import EdgeDisplay
from skkan.inspection.displays._effects_display import EffectsDisplay
from skkan.inspection.displays._local_display import LocalDisplay
from skkan.inspection.displays._loss_curve_display import LossCurveDisplay
from skkan.inspection.displays._network_display import KANDisplay

__all__ = ["EdgeDisplay", "EffectsDisplay", "KANDisplay", "LocalDisplay", "LossCurveDisplay"]
