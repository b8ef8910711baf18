"""Converters of skl2onnx, so that pipelines with our estimators convert."""

from typing import Any

import numpy as np
from sklearn.base import is_classifier

from skkan.estimators._classifier import KANClassifier
from skkan.estimators._regressor import KANRegressor
from skkan.estimators._symbolic_regressor import KANSymbolicRegressor
from skkan.onnx._graph import Graph
from skkan.onnx._models import named_columns, write_model

KNOWN = (KANRegressor, KANClassifier, KANSymbolicRegressor)


def register_converters() -> None:
    """Tell skl2onnx how to convert the estimators of skkan.

    Afterwards ``skl2onnx.to_onnx`` and ``skl2onnx.convert_sklearn`` convert them, also as a part of
    pipelines and of other meta-estimators.

    Raises
    ------
    ImportError
        If ``skl2onnx`` is not installed.

    References
    ----------
    ``sklearn-onnx``: https://onnx.ai/sklearn-onnx/
    """
    try:
        from skl2onnx import update_registered_converter  # noqa: PLC0415
        from skl2onnx.common.shape_calculator import (  # noqa: PLC0415
            calculate_linear_classifier_output_shapes,
            calculate_linear_regressor_output_shapes,
        )
    except ImportError as error:
        raise ImportError("this needs skl2onnx: pip install 'skkan[onnx]'.") from error
    for kind in KNOWN:
        classifier = kind is KANClassifier
        update_registered_converter(
            kind,
            f"Skkan{kind.__name__}",
            calculate_linear_classifier_output_shapes
            if classifier
            else calculate_linear_regressor_output_shapes,
            _convert,
            options={"zipmap": [True, False, "columns"], "nocl": [True, False]}
            if classifier
            else {},
        )


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Write one estimator into the container of skl2onnx."""
    from onnx import TensorProto, defs  # noqa: PLC0415
    from skl2onnx.common.data_types import DoubleTensorType  # noqa: PLC0415

    model = operator.raw_operator
    if named_columns(model) is not None:
        raise ValueError(
            "a column of texts is no part of the one array that steps of a pipeline pass on in "
            "ONNX. Convert the estimator alone, or have its texts encoded before fit, for example "
            "by OrdinalEncoder with categorical_features."
        )
    given = operator.inputs[0]
    double = isinstance(given.type, DoubleTensorType)
    number = TensorProto.DOUBLE if double else TensorProto.FLOAT
    graph = Graph(np.float64 if double else np.float32)
    X = graph.add("Cast", "given", to=number)
    outputs = write_model(graph, model, X)
    names = {"given": given.full_name}
    for name, value in graph.constants.items():
        names[name] = scope.get_unique_variable_name(name)
        _add_constant(container, names[name], value)
    for node in graph.nodes:
        names[node.output] = scope.get_unique_variable_name(node.output)
    for name, public in zip(outputs, operator.outputs, strict=True):
        names[name] = public.full_name
    for node in graph.nodes:
        version = defs.get_schema(node.kind, container.target_opset, "").since_version
        container.add_node(
            node.kind,
            [names[own] for own in node.inputs],
            [names[node.output]],
            op_version=version,
            name=scope.get_unique_operator_name(node.kind),
            **node.attributes,
        )


def _add_constant(container: Any, name: str, value: Any) -> None:
    from onnx import helper  # noqa: PLC0415

    if value.dtype == object:
        kind, content = 8, [own.encode() for own in value.tolist()]
    else:
        kind, content = helper.np_dtype_to_tensor_dtype(value.dtype), value.ravel().tolist()
    container.add_initializer(name, kind, list(value.shape), content)


def pipeline_to_onnx(model: Any, dtype: np.dtype[Any]) -> Any:
    """Convert an estimator of scikit-learn that holds estimators of skkan."""
    register_converters()
    from skl2onnx import to_onnx  # noqa: PLC0415
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType  # noqa: PLC0415

    kind = DoubleTensorType if dtype == np.float64 else FloatTensorType
    options = {"zipmap": False} if is_classifier(model) else {}
    return to_onnx(
        model,
        initial_types=[("X", kind([None, model.n_features_in_]))],
        options={id(model): options} if options else None,
    )
