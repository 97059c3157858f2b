"""A timeline of the usual kind, followed in one call."""

from genmo.runtime.conditions.spans import KeypointSpan
from genmo.runtime.conditions.timeline import DEFAULT_FRAMES, Timeline

OF_TIMELINES = ("steps", "guidance", "seed", "keyframes", "places")


def run(model, texts=(), keypoints=None, frames=None, **options):
    """Motions and timings under texts and keypoints; `frames` defaults to those of the keypoints."""
    frames = frames or (keypoints.frames if keypoints is not None else DEFAULT_FRAMES)
    spans = () if keypoints is None else (KeypointSpan(keypoints),)
    given = {name: options.pop(name) for name in OF_TIMELINES if name in options}
    result = model.follow(Timeline(frames, tuple(texts), spans, **given), **options)
    return result.motions, result.timings
