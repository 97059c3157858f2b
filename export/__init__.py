"""Freezing trained models into engines (ONNX)."""
