"""What `KANRegressor` and `KANClassifier` offer of a network once it is fitted."""

from skkan.estimators.methods._inspection_methods import InspectionMixin
from skkan.estimators.methods._refinement import RefinementMixin
from skkan.estimators.methods._symbolic_methods import SymbolicMixin
from skkan.inspection._html import HTMLMixin


class FittedMethodsMixin(InspectionMixin, SymbolicMixin, RefinementMixin, HTMLMixin):
    """Scores, pruning, finer grids, formulas and the representation in notebooks.

    Kept apart from :class:`skkan.estimators._base.BaseKAN`, so that a fit does not depend on what
    can be done with its result.
    """
