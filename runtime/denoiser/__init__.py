"""The denoiser seen from outside: configuration, tensor signature, noise schedule, sampler."""
