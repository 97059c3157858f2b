# SPDX-License-Identifier: GPL-3.0-or-later
"""genmo in Blender: motions from text, a drawn path, poses, keypoints and videos on the selected armature."""

from . import operators, panels, preferences, properties

_MODULES = (preferences, properties, operators, panels)


def register() -> None:
    """Add everything to Blender."""
    for module in _MODULES:
        module.register()


def unregister() -> None:
    """Take everything out again; what still computes is stopped."""
    for module in reversed(_MODULES):
        module.unregister()
