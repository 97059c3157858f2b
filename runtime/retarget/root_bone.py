"""A performance whose way over the ground is carried by the character's own root bone instead of its hips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.motion.root_track import track_of
from genmo.runtime.motion.rotation import rotate, transpose
from genmo.runtime.retarget.character import Character
from genmo.runtime.retarget.retargeting import Performance
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import quoted


def check_root_bone(character: Character) -> None:
    """Raise InputError for a character whose hips hang on no bone."""
    if character.top_bone == character.bones.hips:
        hips = quoted(character.rig.name(character.bones.hips))
        raise InputError(
            f"{character.rig.path}: no bone above its hips, {hips}, which --root-bone could move; wanted a root bone "
            "on the ground as their parent, or no --root-bone"
        )


def with_root_bone(performance: Performance, loops: bool = False, facing: Array | None = None) -> Performance:
    """The same performance, its way over the ground on the character's top bone (`motion.root_track`).

    `loops`: it is one cycle; `facing` [frames]: headings of the root, radians; None: those of the hips.
    Raises InputError for a character without a bone above its hips.
    """
    character = performance.character
    check_root_bone(character)
    rig, hips, root = character.rig, character.bones.hips, character.top_bone
    rest_rotations, rest_places = character.rest
    world_rotations, world_places = performance.world()
    body = character.frame @ world_rotations[:, hips]
    places = rotate(character.frame, world_places[:, hips])
    track = track_of(body @ transpose(rest_rotations[hips]), places, performance.fps, loops, facing)
    shift = track.position - rotate(track.rotation, rest_places[hips] * [1.0, 0.0, 1.0])

    def moved(node: int) -> tuple[Array, Array]:
        """A node that rests relative to the root, in the y-up world: [frames, 3, 3] and [frames, 3]."""
        return track.rotation @ rest_rotations[node], rotate(track.rotation, rest_places[node]) + shift

    above = rig.parents[root]
    if above >= 0:
        still = np.broadcast_to(rest_rotations[above], body.shape), np.broadcast_to(rest_places[above], places.shape)
    else:
        still = np.broadcast_to(character.frame, body.shape), np.zeros_like(places)
    rotations = performance.rotations.copy()
    rotations[:, root], way = _local(*still, *moved(root), 1.0 if above < 0 else rig.size(above))
    parent = rig.parents[hips]
    rotations[:, hips], own = _local(*moved(parent), body, places, rig.size(parent))
    driven = tuple(node for node in rig.order if node in {root, *performance.driven})
    return replace(performance, rotations=rotations, hips=own, driven=driven, root=root, way=way)


def _local(above: Array, above_place: Array, rotation: Array, place: Array, size: float) -> tuple[Array, Array]:
    """Rotations [frames, 3, 3] and translations [frames, 3] relative to a parent whose unit is `size` long."""
    to_parent = transpose(above)
    return to_parent @ rotation, rotate(to_parent, place - above_place) / size
