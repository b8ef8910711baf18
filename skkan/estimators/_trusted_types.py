"""Types that files of fitted estimators hold, for formats that ask what may be loaded."""

TRUSTED_TYPES = (
    "skkan.data._typical_rows.TypicalRows",
    "skkan.estimators._classifier.KANClassifier",
    "skkan.estimators._fitted_state.FittedState",
    "skkan.training.streams._stream.Stream",
    "skkan.estimators._regressor.KANRegressor",
    "skkan.estimators._symbolic_regressor.KANSymbolicRegressor",
    "skkan.inspection._scores.LayerActivity",
    "skkan.network.functions._base_functions.BaseFunction",
    "skkan.network._layer.Layer",
    "skkan.network._network.Network",
    "skkan.network._product_nodes.ProductNodes",
    "skkan.network._scaling.Scaling",
    "skkan.network.functions._splines.SplineGrid",
    "skkan.network.functions._symbolic_edge.SymbolicEdge",
    "skkan.objective._penalties.LayerPenalty",
    "skkan.objective._penalties.Penalty",
    "skkan.symbolic.export._equation_table.EquationTable",
    "skkan.symbolic.library._symbol.Interval",
    "skkan.symbolic.library._symbol.Symbol",
    "skkan.symbolic.library._user_symbols.ExpressionForm",
    "skkan.symbolic.library._user_symbols.ExpressionFunction",
    "skkan.training._posterior.CoupledParameters",
    "skkan.training._posterior.PredictivePosterior",
)
"""What ``skops.io.load`` has to be told to trust; none of them runs code when it is loaded."""
