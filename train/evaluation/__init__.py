"""Evaluation of an engine or a checkpoint."""
