"""Rotations, kinematics, cameras and features in PyTorch: the differentiable twins of the runtime's."""
