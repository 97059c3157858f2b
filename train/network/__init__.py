"""The denoiser in PyTorch, its attention and its checkpoints."""
