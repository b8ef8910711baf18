"""From fitted estimators to ONNX models."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from skkan.onnx._graph import Graph
from skkan.onnx._models import named_columns, stored_labels, write_model
from skkan.onnx._sklearn_onnx import KNOWN, pipeline_to_onnx

# Of 2022, so that run times of some age read what is written.
OPSET = 17
ML_OPSET = 3
IR_VERSION = 8


def to_onnx(model: Any, *, dtype: DTypeLike = "float64") -> Any:
    """Turn a fitted estimator into an ONNX model.

    Parameters
    ----------
    model : estimator
        A fitted ``KANRegressor``, ``KANClassifier`` or ``KANSymbolicRegressor``, or, with
        ``skl2onnx`` installed, a pipeline or another estimator of scikit-learn that holds one.
    dtype : {"float64", "float32"}, default="float64"
        Precision of the input ``X`` and of what is computed.

    Returns
    -------
    model : onnx.ModelProto
        It takes ``X`` of shape (n_samples, n_features). A regressor gives ``variable`` of shape
        (n_samples, n_outputs), a classifier ``label`` of shape (n_samples,) and ``probabilities``
        of shape (n_samples, n_classes), as models of ``skl2onnx`` do. Gaps are NaN. If the
        levels of a column are texts, every column is an input of its own, named as the column and
        of shape (n_samples, 1), and "" among texts is a gap.

    Raises
    ------
    ImportError
        If ``onnx`` is not installed.
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If `dtype` is another one, or the estimator has a part that ONNX has no operators for:
        a function given as a SymPy expression, labels that are neither whole numbers nor
        strings, or levels that are neither all numbers nor all texts. If an output has the name
        of a column.

    Notes
    -----
    Splines become clipped polynomials, symbolic edges the operators of their functions. In double
    precision the results are those of ``predict`` up to rounding. Where ``predict`` raises an error
    because there is no finite value, the ONNX model gives NaN or infinity.

    Examples
    --------
    >>> import numpy as np
    >>> from skkan import KANRegressor
    >>> from skkan.onnx import to_onnx
    >>> X = np.linspace(-1.0, 1.0, 100)[:, None]
    >>> model = KANRegressor((), random_state=0).fit(X, np.sin(3.0 * X[:, 0]))
    >>> saved = to_onnx(model).SerializeToString()
    >>> import onnxruntime
    >>> session = onnxruntime.InferenceSession(saved)
    >>> session.run(None, {"X": X})[0].shape
    (100, 1)
    """
    own = np.dtype(dtype)
    if own.name not in {"float32", "float64"}:
        raise ValueError(f"dtype must be 'float64' or 'float32', got {dtype!r}.")
    if not isinstance(model, KNOWN):
        return pipeline_to_onnx(model, own)
    try:
        from onnx import TensorProto, checker, helper  # noqa: PLC0415
    except ImportError as error:
        raise ImportError("to_onnx needs onnx: pip install 'skkan[onnx]'.") from error
    graph = Graph(own)
    check_is_fitted(model)
    number = graph.number
    columns = named_columns(model)
    given = [("X", number, ["N", model.n_features_in_])]
    if columns is not None:
        given = [(name, TensorProto.STRING if text else number, ["N", 1]) for name, text in columns]
    outputs = write_model(graph, model, "X" if columns is None else [name for name, *_ in given])
    if is_classifier(model):
        label = TensorProto.STRING if stored_labels(model.classes_).dtype == object else 7
        described = [("label", label, ["N"]), ("probabilities", number, ["N", len(model.classes_)])]
    else:
        width = getattr(model, "n_outputs_", 1)
        described = [("variable", number, ["N", width])]
    _refuse_equal_names([name for name, *_ in (*given, *described)])
    public = {name: own[0] for name, own in zip(outputs, described, strict=True)}
    nodes = [
        helper.make_node(
            node.kind,
            [public.get(own, own) for own in node.inputs],
            [public.get(node.output, node.output)],
            **node.attributes,
        )
        for node in graph.nodes
    ]
    made = helper.make_graph(
        nodes,
        type(model).__name__,
        [helper.make_tensor_value_info(*own) for own in given],
        [helper.make_tensor_value_info(*own) for own in described],
        initializer=[as_tensor(name, value) for name, value in graph.constants.items()],
    )
    proto = helper.make_model(
        made,
        producer_name="skkan",
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)],
        ir_version=IR_VERSION,
    )
    checker.check_model(proto)
    return proto


def _refuse_equal_names(names: Sequence[str]) -> None:
    """Raise an error if columns and outputs do not all have names of their own."""
    twice = sorted({own for own in names if names.count(own) > 1})
    if twice:
        raise ValueError(
            f"inputs and outputs of an ONNX model need names of their own, but {twice[0]!r} is "
            "there twice. Rename the column before fit."
        )


def as_tensor(name: str, value: Any) -> Any:
    """Return a constant as ONNX stores it."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    if value.dtype == object:
        texts = [own.encode() for own in value.tolist()]
        return helper.make_tensor(name, TensorProto.STRING, value.shape, texts)
    return numpy_helper.from_array(value, name)
