"""How far answers of float32 networks may be apart on any processor: from what matters, not from what one run gave.

Libraries and processors add in different orders, with and without fused products, so two right answers differ by the
rounding of float32 (6e-8) times what a network makes of it: from 1e-6 to 1e-5 for the networks of these tests.  What
matters is the motion.  An engine's gate is 0.05 mm a step, and an animator sees 0.5 to 1 mm.
"""

FEATURES = 1e-4
"""One call of a network, in features of unit spread: 0.05 mm at the end of a limb of 1 m that bends by 0.5 rad."""

SAMPLED_FEATURES = 5e-4
"""Up to ten steps with guidance, each of which takes the last one's error."""

POSE = 5e-5
"""Joints in metres and entries of rotation matrices, after one step: the gate of float32 engines."""

SAMPLED_POSE = 5e-4
"""The same after up to ten steps: what nobody sees."""
