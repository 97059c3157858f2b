"""TensorRT plans and the window kernel's plugin."""
