"""Training of genmo's denoiser (PyTorch)."""
