"""Metrics of poses, sets of motions and dances, and the tables that papers print."""
