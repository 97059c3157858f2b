"""The training loop: losses, validation, many processes, samples to look at."""
