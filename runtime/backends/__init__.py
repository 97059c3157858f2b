"""Inference libraries behind one small interface."""
