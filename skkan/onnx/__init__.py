"""Fitted models as ONNX graphs; needs the extra ``onnx``."""

from skkan.onnx._conversion import to_onnx
from skkan.onnx._sklearn_onnx import register_converters

__all__ = ["register_converters", "to_onnx"]
