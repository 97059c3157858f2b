"""What the extension does between Blender and genmo: numpy in, numpy out, no `bpy`, so that it runs in a thread."""
