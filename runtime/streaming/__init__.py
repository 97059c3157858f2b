"""Motions frame by frame: estimated from live keypoints, or generated without end."""
