"""Where the root is wanted in the next frames: from a stick, or from a path with times.

The plan is a smooth reference on the ground that the generated root follows (`streaming.root_steering`); it goes on
from its own last frame, so a command that changes bends it and never breaks it:
- a stick: velocity goes to what is asked for as fast as RESPONSE and ACCELERATION allow, the heading by a critically
  damped spring no faster than TURN_RATE;
- who is to face elsewhere than they go walks ahead (or backward, where that is nearer) and turns the body aside over
  the legs: the network's people hardly know sidesteps, and slide through them;
- a path: the spline through its waypoints at their times; where the plan was elsewhere, the difference and its
  rate die off by a critically damped spring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from genmo.runtime.conditions.constraints import Frames
from genmo.runtime.motion.filters import tension_spline
from genmo.runtime.motion.motion import FPS, MAX_FRAMES
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

RESPONSE = 9.0
"""1/s: share of the missing velocity that is made up a second, as far as ACCELERATION allows"""
ACCELERATION = 10.0
"""m/s^2 of the plan's velocity: a runner's turn"""
JERK_TIME = 0.06
"""s, time constant of the acceleration"""
CATCH_UP = 4.0
"""1/s, natural frequency of the spring that leads onto a path"""
CATCH_UP_SPEED = 1.5
"""m/s that catching up adds to the path's own speed, about"""
TURN = 9.0
"""1/s, natural frequency of the spring of the heading"""
TURN_RATE = 2.2 * np.pi
"""radians a second"""
SIDE, CHANGE = np.radians(100.0), np.radians(12.0)
"""radians from where somebody looks beyond which they go backward, and by which more or less it takes to change that"""
BACKWARD = 0.15
"""m/s, faster than which somebody goes backward"""
MOST_TURN = 1.2 * np.pi
"""radians that legs turn at once; more is the other way round"""
MOVING = 0.25
"""m/s, slower than which a direction says nothing about where to face"""
MOST_SPEED = 8.0
"""m/s that may be asked for"""
SPLINE_TENSION = 15.0
"""frames, of the spline through waypoints"""


@dataclass(frozen=True)
class Stick:
    """A velocity over the ground (x, z), m/s in the world, and the heading to face (radians; None: where it goes)."""

    velocity: tuple[float, float] = (0.0, 0.0)
    facing: float | None = None

    def __post_init__(self) -> None:
        values = np.array([*self.velocity, 0.0 if self.facing is None else self.facing], np.float64)
        if values.shape != (3,) or not np.isfinite(values).all() or np.hypot(*values[:2]) > MOST_SPEED:
            raise InputError(
                f"velocity is {self.velocity} and facing {self.facing}; wanted x and z in m/s, at most {MOST_SPEED:g} "
                "together, and radians or None"
            )


@dataclass(frozen=True, eq=False)
class RootPath:
    """Where the root must be, and when; the person stands where it ends."""

    frames: Frames
    """[K] rising: frames of the generator, from 0 on, 30 a second"""
    positions: Array
    """[K, 2] x and z in the world, metres"""
    facing: Array | None = None
    """[K] headings (`motion.rotation.heading`), radians; None: the way that the path goes"""

    def __post_init__(self) -> None:
        frames = np.asarray(self.frames)
        count = len(frames) if frames.ndim == 1 else 0
        whole = count > 0 and np.issubdtype(frames.dtype, np.integer)
        if not whole or (np.diff(frames) <= 0).any() or frames[-1] - frames[0] >= MAX_FRAMES:
            raise InputError(f"frames of a path: wanted [K] whole numbers that rise, within {MAX_FRAMES} frames")
        for name, shape in (("positions", (count, 2)), ("facing", (count,))):
            values = getattr(self, name)
            if values is not None and (np.shape(values) != shape or not np.isfinite(values).all()):
                raise InputError(f"{name} of a path: got {list(np.shape(values))}; wanted {list(shape)} finite numbers")

    @classmethod
    def through(cls, points: Array, speed: float, start: int = 0) -> RootPath:
        """The path through `points` [K, 2] (x, z in metres) at a steady `speed` in m/s, from frame `start` on.

        Raises InputError for points that are the same, and a speed that is not above 0 and at most MOST_SPEED.
        """
        points = np.asarray(points, np.float64)
        if points.ndim != 2 or points.shape[1:] != (2,) or len(points) < 2 or not 0 < speed <= MOST_SPEED:
            raise InputError(
                f"a path through {list(points.shape)} points at {speed:g} m/s; wanted [2 or more, 2] at more than 0 "
                f"and at most {MOST_SPEED:g}"
            )
        way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        frames = start + np.rint(way / speed * FPS).astype(np.int64)
        if (np.diff(frames) <= 0).any():
            raise InputError("two points of a path are less than a frame apart; wanted fewer points, or a lower speed")
        return cls(frames, points)

    def at(self, first: int, count: int) -> Array:
        """Positions [count, 2] at the frames from `first` on; before and after the path they stay."""
        inside = np.clip(np.arange(first, first + count), self.frames[0], self.frames[-1]) - self.frames[0]
        low, high = int(inside[0]), int(inside[-1])
        near = _knots_around(self.frames - self.frames[0], low, high)
        start = int((self.frames - self.frames[0])[near][0])
        knots = (self.frames - self.frames[0])[near] - start
        spline = tension_spline(knots, np.asarray(self.positions, np.float64)[near], high - start + 1, SPLINE_TENSION)
        return np.asarray(spline[inside - start])

    def facing_at(self, first: int, count: int) -> Array | None:
        """Headings [count] at the frames from `first` on; None for a path that goes where it faces."""
        if self.facing is None:
            return None
        return np.interp(np.arange(first, first + count), self.frames, np.unwrap(self.facing))


def _knots_around(frames: Frames, low: int, high: int) -> slice:
    """The knots that the spline between two frames depends on: some on either side, the rest decays."""
    first, last = np.searchsorted(frames, low - 8 * SPLINE_TENSION), np.searchsorted(frames, high + 8 * SPLINE_TENSION)
    low_knot, high_knot = np.searchsorted(frames, low, "right") - 4, np.searchsorted(frames, high) + 4
    return slice(max(int(min(first, low_knot)), 0), int(max(last, high_knot)))


Command = Stick | RootPath


@dataclass(frozen=True)
class RootState:
    """The plan at one frame."""

    position: tuple[float, float]
    """x and z, metres"""
    velocity: tuple[float, float]
    """m/s"""
    acceleration: tuple[float, float] = (0.0, 0.0)
    """m/s^2"""
    heading: float = 0.0
    """radians, not wrapped"""
    turning: float = 0.0
    """radians a second"""
    aside: float = 0.0
    """radians by which the body is turned further over legs that go in the heading"""
    swerving: float = 0.0
    """radians a second, of `aside`"""


@dataclass(frozen=True, eq=False)
class RootPlan:
    """Where the root is wanted in consecutive frames."""

    positions: Array
    """[frames, 2] x and z, metres"""
    headings: Array
    """[frames] where the legs go, radians, not wrapped"""
    states: Sequence[RootState] = field(repr=False)
    """[frames]"""

    def speeds(self) -> Array:
        """[frames] m/s over the ground."""
        return np.array([np.hypot(*state.velocity) for state in self.states])

    def asides(self) -> Array:
        """[frames] radians by which the body is turned further than the legs."""
        return np.array([state.aside for state in self.states])

    def goes_back(self) -> bool:
        """Whether the legs walk backward, on the whole."""
        ahead = np.stack([np.sin(self.headings), np.cos(self.headings)], axis=-1)
        along = (ahead * np.array([state.velocity for state in self.states])).sum(axis=-1)
        return bool(along.mean() < -BACKWARD)


def planned(state: RootState, command: Command, first: int, count: int) -> RootPlan:
    """The plan of the `count` frames from the generator's frame `first` on, which follows that of `state`."""
    states = (
        _followed(state, command, first, count) if isinstance(command, RootPath) else _steered(state, command, count)
    )
    positions = np.array([one.position for one in states]).reshape(-1, 2)
    return RootPlan(positions, np.array([one.heading for one in states]), states)


def _steered(state: RootState, stick: Stick, count: int) -> list[RootState]:
    """A plan that goes to the velocity of a stick."""
    step = 1 / FPS
    position, velocity, acceleration = (np.array(v) for v in (state.position, state.velocity, state.acceleration))
    wanted, states, now = np.array(stick.velocity), [], state
    keep = np.exp(-step / JERK_TIME)
    for _ in range(count):
        pull = RESPONSE * (wanted - velocity)
        pull *= min(1.0, ACCELERATION / max(float(np.hypot(*pull)), 1e-9))
        acceleration = keep * acceleration + (1 - keep) * pull
        velocity = velocity + step * acceleration
        position = position + step * velocity
        way = float(np.arctan2(*wanted)) if np.hypot(*wanted) > MOVING else None
        legs, aside = _legs_and_body(now, way, stick.facing)
        now = RootState(
            _pair(position), _pair(velocity), _pair(acceleration), *_turned(now, legs), *_swerved(now, aside)
        )
        states.append(now)
    return states


def _followed(state: RootState, path: RootPath, first: int, count: int) -> list[RootState]:
    """A plan that goes onto a path and along it."""
    step, on_path = 1 / FPS, path.at(first - 2, count + 3)
    if first == path.frames[0]:  # a path that begins now began at its speed
        on_path[:2] = on_path[2] - np.array([[2.0], [1.0]]) * (on_path[3] - on_path[2])
    rate = np.gradient(on_path, step, axis=0)
    facing = path.facing_at(first, count)
    offset, drift = np.array(state.position) - on_path[1], np.array(state.velocity) - rate[1]
    spring = min(CATCH_UP, np.e * CATCH_UP_SPEED / max(float(np.hypot(*offset)), 1e-9))
    states, now, before = [], state, None
    for index in range(count):
        pull = -(spring**2) * offset - 2 * spring * drift
        drift = drift + step * pull
        offset = offset + step * drift
        velocity, position = rate[index + 2] + drift, on_path[index + 2] + offset
        way = float(np.arctan2(*velocity)) if np.hypot(*velocity) > MOVING else None
        legs, aside = _legs_and_body(now, way, None if facing is None else float(facing[index]))
        turned, before = _turned(now, legs, before), legs
        gained = (velocity - np.array(now.velocity)) / step
        now = RootState(_pair(position), _pair(velocity), _pair(gained), *turned, *_swerved(now, aside))
        states.append(now)
    return states


def _legs_and_body(state: RootState, way: float | None, facing: float | None) -> tuple[float | None, float]:
    """The heading of the legs (as it is reached from the present one, not wrapped) of somebody who goes in one
    direction and looks in another, and by how much the body is turned further: whoever hardly moves turns as one."""
    if way is None or facing is None:
        whole = way if facing is None else facing
        return (None if whole is None else state.heading + _wrapped(whole - state.heading)), 0.0
    back = _wrapped(way + np.pi)
    goes_back = abs(_wrapped(state.heading - back)) < abs(_wrapped(state.heading - way))
    legs = back if abs(_wrapped(facing - way)) > SIDE + (-CHANGE if goes_back else CHANGE) else way
    aside = _wrapped(facing - legs)
    # legs that change their way turn against the body, which so keeps looking where it looks
    turn = _wrapped(facing - state.heading - state.aside) - (aside - state.aside)
    return state.heading + (turn if abs(turn) < MOST_TURN else _wrapped(turn)), aside


def _swerved(state: RootState, aside: float) -> tuple[float, float]:
    """The turn of the body over the legs and its rate a frame later, on the way to `aside` [-pi, pi]: never round the
    back."""
    gain = TURN / FPS
    swerving = (state.swerving + TURN * gain * (aside - state.aside)) / (1 + gain) ** 2
    swerving = float(np.clip(swerving, -TURN_RATE, TURN_RATE))
    return state.aside + swerving / FPS, swerving


def straightened(state: RootState, count: int) -> Array:
    """`aside` [count] of somebody whom nothing leads any more."""
    turns = []
    for _ in range(count):
        aside, swerving = _swerved(state, 0.0)
        state = replace(state, aside=aside, swerving=swerving)
        turns.append(state.aside)
    return np.array(turns)


def _turned(state: RootState, wanted: float | None, before: float | None = None) -> tuple[float, float]:
    """Heading and its rate a frame later, on the way to the heading `wanted` (not wrapped), which was `before` a frame
    ago: one that turns steadily is followed without delay."""
    step = 1 / FPS
    if wanted is None:
        error = rate = 0.0
    else:
        moved = 0.0 if before is None else _wrapped(wanted - before)
        rate = moved / step if abs(moved) < step * TURN_RATE else 0.0
        error = wanted - step * rate - state.heading
    gain = TURN * step
    turning = (state.turning + TURN * gain * error + (2 * gain + gain**2) * rate) / (1 + gain) ** 2
    turning = float(np.clip(turning, -TURN_RATE, TURN_RATE))
    return state.heading + step * turning, turning


def _wrapped(angle: float) -> float:
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


def _pair(values: Array) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def onto(state: RootState, positions: Array, headings: Array) -> RootState:
    """`state` where a motion is: at the end of the lines through its last `positions` [n, 2] and `headings` [n], for a
    plan that begins where none was."""
    time = np.arange(len(positions)) - (len(positions) - 1)
    values = np.column_stack([positions, np.unwrap(headings)])
    if len(positions) < 2:
        x, z, yaw = values[-1]
        return replace(state, position=(float(x), float(z)), heading=float(yaw))
    slope, end = np.polyfit(time, values, 1)
    speed = slope * FPS
    moved = replace(state, position=_pair(end[:2]), velocity=_pair(speed[:2]), acceleration=(0.0, 0.0))
    return replace(moved, heading=float(end[2]), turning=float(speed[2]))


def beginning(command: Command, frame: int) -> RootState:
    """Where a motion that begins at the generator's `frame` begins: on the path, or over the origin and at rest."""
    if isinstance(command, Stick):
        position, speed, facing = (0.0, 0.0), (0.0, 0.0), command.facing
        way = float(np.arctan2(*command.velocity)) if np.hypot(*command.velocity) > MOVING else None
    else:
        around, facings = command.at(frame, 2), command.facing_at(frame, 1)
        velocity = (around[1] - around[0]) * FPS
        position, speed, facing = _pair(around[0] - velocity / FPS), _pair(velocity), None
        way = float(np.arctan2(*velocity))
        if facings is not None:
            facing = float(facings[0])
    state = RootState(position, speed, heading=way or 0.0)
    legs, aside = _legs_and_body(state, way, facing)
    return replace(state, heading=legs or 0.0, aside=aside)
