"""One row and many through onnxruntime, beside ``predict``; and how far the two differ.

"Empty" is a graph of a single operator: what onnxruntime takes to be called. Run from the checkout:

    python benchmarks/onnx_latency.py
"""

import warnings
from functools import partial

import numpy as np
import onnx
import onnxruntime
from latency import SHAPES, draw, models, shortest

from skkan.onnx import to_onnx

ROWS = (1, 1000)


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def empty() -> onnx.ModelProto:
    """Return a model that returns its input."""
    make = onnx.helper
    sides = [
        make.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, [None, None])
        for name in ("X", "Y")
    ]
    graph = make.make_graph(
        [make.make_node("Identity", ["X"], ["Y"])], "empty", *[[s] for s in sides]
    )
    return make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)


def main() -> None:
    warnings.simplefilter("ignore")
    for shape, (n_columns, hidden) in SHAPES.items():
        fitted = models(n_columns, hidden)
        for name in ("spline", "quantile", "symbolic"):
            model, ready = fitted[name], session(to_onnx(fitted[name]))
            far = 2.0 * draw(1000, n_columns)[0]
            expected = model.predict(far)
            error = np.abs(ready.run(None, {"X": far})[0][:, 0] - expected).max()
            for n_rows in ROWS:
                X = draw(n_rows, n_columns)[0]
                seconds = shortest(
                    {
                        "empty": partial(session(empty()).run, None, {"X": X}),
                        "onnx": partial(ready.run, None, {"X": X}),
                        "predict": partial(model.predict, X),
                    }
                )
                print(
                    f"{shape:13s} {name:9s} {n_rows:5d} rows: "
                    + ", ".join(f"{key} {1e6 * own:7.1f} us" for key, own in seconds.items())
                    + f"; largest difference {error / np.abs(expected).max():.1e}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
