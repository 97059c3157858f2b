"""Pictures of a motion without a display: the skinned body drawn in numpy, and files of the frames.

raster   triangles to pixels: coverage, and the nearest of several by depth
scene    the camera that follows, the floor, the light; one frame as pixels
files    .png, .gif and .mp4
"""
