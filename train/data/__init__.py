"""Training batches: clips loaded, augmented, seen by simulated or recorded cameras."""
