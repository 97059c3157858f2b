"""The sheet of a library: one page with a strip of pictures of every clip, its numbers, and what it misses."""

from __future__ import annotations

import base64
import html

import numpy as np

from genmo.runtime.clips.library import Clip
from genmo.runtime.render.png import png
from genmo.runtime.render.scene import Scene
from genmo.runtime.support.progress import ProgressCallback, no_progress

FIGURES = 6
WIDTH, HEIGHT = 120, 160
"""pixels of a figure"""
_ARROWS = "↑↖←↙↓↘→↗"
_KINDS = {"loop": "Loops", "action": "Actions", "transition": "Transitions"}
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1180px; padding: 0 1rem; color: #26323f;
  background: #f4f6f8 }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
figure { display: inline-block; width: 560px; margin: 0 1rem 1.2rem 0; vertical-align: top; background: #fff;
  border-radius: 8px; overflow: hidden }
img { display: block; width: 100% }
figcaption { padding: .5rem .8rem .7rem } b { font-weight: 600 } .miss { color: #b3261e }
"""


def sheet(clips: list[Clip], title: str, progress: ProgressCallback = no_progress) -> bytes:
    """The page; it needs no network.  `progress` hears the share of the clips that are drawn."""
    parts = []
    done = 0
    for kind, heading in _KINDS.items():
        some = [clip for clip in clips if clip.kind == kind]
        if some:
            parts.append(f"<h2>{heading}</h2>")
        for clip in some:
            parts.append(_figure(clip))
            done += 1
            progress(done / len(clips))
    missed = sum(bool(clip.missed) for clip in clips)
    count = f"{len(clips)} clips, {missed} of which miss something" if missed else f"{len(clips)} clips"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{html.escape(title)}</h1><p>{count}. 30 frames a second; numbers are measured.</p>"
        f"{''.join(parts)}</html>\n"
    ).encode()


def _figure(clip: Clip) -> str:
    scene = Scene(clip.motion, WIDTH, HEIGHT, smooth=2)
    last = clip.motion.frames - (2 if clip.motion.loops else 1)
    frames = np.linspace(0, max(last, 0), FIGURES).round().astype(int)
    picture = png(np.concatenate([scene.picture(int(frame)) for frame in frames], axis=1))
    source = base64.b64encode(picture).decode()
    missed = "".join(f'<br><span class="miss">{html.escape(words)}</span>' for words in clip.missed)
    return (
        f'<figure><img alt="{html.escape(clip.name)}" width="{WIDTH * FIGURES}" height="{HEIGHT}" '
        f'src="data:image/png;base64,{source}"><figcaption><b>{html.escape(clip.name)}</b><br>{_caption(clip)}'
        f"{missed}</figcaption></figure>"
    )


def _caption(clip: Clip) -> str:
    """The numbers of a clip in a line."""
    found, motion = clip.found, clip.motion
    words = [f"{(motion.frames - 1) / motion.fps:.2f} s"]
    if found.direction is not None:
        arrow = _ARROWS[round(found.direction / 45) % 8]
        words.append(f"{found.speed:.2f} m/s {arrow} {found.direction:.0f}&deg;")
    if abs(found.turn) > 3:
        words.append(f"turns {found.turn:.0f}&deg;")
    if clip.kind == "action":
        words.append(f"feet rise {100 * found.rise:.0f} cm")
    words.append(f"slide {found.slide:.0f} cm/s")
    return ", ".join(words)
