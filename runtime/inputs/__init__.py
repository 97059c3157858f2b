"""What other tools write, read into what a motion must obey.

files           bytes, JSON and .npz under limits on size; frame numbers in file names
rates           keypoints and camera poses at other frame rates, brought to 30 a second
layouts         the keypoints of other tools as COCO-17
people          detections sorted into people
keypoint_files  OpenPose, MMPose, COCO results, AlphaPose, MediaPipe and genmo's own .npz -> Keypoints
camera_files    COLMAP, Blender JSON and genmo's own .npz -> Camera
subjects        keypoints and camera together, as the command line wants them
music           the 35 features of EDGE from samples
music_files     sound files -> those features
"""
