"""What a motion is: skeleton, rotations, the motion itself, its layout as features, resampling and filters."""
