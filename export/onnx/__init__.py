"""The ONNX graphs of an engine."""
