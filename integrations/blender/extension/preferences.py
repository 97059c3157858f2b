# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for all files: the engine, threads, and the networks for videos."""

import bpy

from .core.request import Setup


class GenmoPreferences(bpy.types.AddonPreferences):
    """Preferences, Add-ons, genmo."""

    bl_idname = __package__

    engine: bpy.props.StringProperty(
        name="Engine", subtype="DIR_PATH", description="Folder of another engine; empty: the one that ships"
    )
    threads: bpy.props.IntProperty(name="Threads", min=0, max=256, description="Processor threads; 0: all cores")
    pose_network: bpy.props.StringProperty(
        name="Pose Network",
        description="For videos: lite, full or heavy, or the path of an .onnx file; empty: the best that is installed",
    )

    def draw(self, context: bpy.types.Context) -> None:
        """Show them."""
        for name in ("engine", "threads", "pose_network"):
            self.layout.prop(self, name)


def setup(context: bpy.types.Context) -> Setup:
    """The preferences as the thread takes them."""
    chosen = context.preferences.addons[__package__].preferences
    return Setup(bpy.path.abspath(chosen.engine) if chosen.engine else "", chosen.threads, chosen.pose_network or None)


def register() -> None:
    """Add the preferences."""
    bpy.utils.register_class(GenmoPreferences)


def unregister() -> None:
    """Take them out."""
    bpy.utils.unregister_class(GenmoPreferences)
