"""Live: keypoints as they come, poses out to other programs and a browser.

osc           Open Sound Control 1.0 packets
vmc           a pose as VMC messages: Unity's humanoid bones, left-handed
sources       keypoint files, videos and cameras in real time
frame_clock   keypoints of any rate as steady frames at 30 a second
browser_view  the browser view
"""
