"""Readers of motion data, one file a source."""
