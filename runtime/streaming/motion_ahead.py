"""MotionAhead: endless motion computed ahead on a worker, so that the thread that shows it never waits for a network.

The worker is `lead` frames in front of whoever takes the frames.  What it is told goes through the same queue as the
taking of frames, so a command begins exactly `lead` frames after the frame at which it was given, however fast the
worker is: the same calls give the same motion.  Nothing here locks: queues of the interpreter's own, which are atomic.
Taking a frame makes no object that Python's garbage collector counts, so that no collection, which takes milliseconds,
falls into it.
"""

from __future__ import annotations

import atexit
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from types import TracebackType

from genmo.runtime.conditions.constraints import NO_JOINT_TARGETS, NO_KEYFRAMES, JointTargets, Keyframes
from genmo.runtime.conditions.spans import Text
from genmo.runtime.motion.motion import Motion
from genmo.runtime.streaming.motion_generator import MotionGenerator
from genmo.runtime.streaming.root_plan import Command
from genmo.runtime.support.errors import InputError

LEAD = 6
"""frames: 0.2 s, in which one core makes a block of the engine that ships"""
EVERY = 8
"""frames between two changes that the worker follows; a stick may be told every frame"""

_Change = Callable[[MotionGenerator], None]


class MotionAhead:
    """Frames of a `MotionGenerator`, made by a worker; one thread takes them and gives commands.

    `executor`: whose worker it is, shared with others if you like; None: a thread of its own, which `close` ends and
    which spares `next` the executor's bookkeeping.  Use threads: a generator does not travel between processes.
    `lead`: frames that are ready before they are taken, and the delay of every command; at least what a block takes.
    `every`: frames between two changes; what is told sooner waits, and of commands the last one counts.

    Raises InputError for options that do not fit.
    """

    def __init__(
        self, generator: MotionGenerator, *, executor: Executor | None = None, lead: int = LEAD, every: int = EVERY
    ) -> None:
        if not 1 <= lead <= 300 or every < 1:
            raise InputError(f"lead and every are {lead} and {every}; wanted 1 to 300, and 1 or more")
        self.lead = lead
        self.late = 0
        """frames that were repeated because the worker was not in time"""
        self._generator, self._every = generator, every
        self._prompt, self._texts, self._command = generator.prompt, generator.texts, generator.command
        self._frame = generator.frame
        self._executor = executor
        self._messages: SimpleQueue[_Change | None] = SimpleQueue()
        self._ready: deque[Motion] = deque()
        self._working, self._some = Lock(), Event()
        self._error: BaseException | None = None
        self._waiting: list[_Change] = []
        self._changed = generator.frame - every
        self._last: Motion | None = None
        self._closed = False
        self._thread: Thread | None = None
        if executor is None:
            self._thread = Thread(target=self._serve, name="genmo-ahead", daemon=True)
            self._thread.start()
            atexit.register(self.close)  # a daemon's computing must not outlive the interpreter
        for _ in range(lead):
            self._send(None)

    @property
    def frame(self) -> int:
        """The number of the next frame.  What is told now begins with frame `frame + lead`, or up to `every` later."""
        return self._frame

    @property
    def prompt(self) -> str | None:
        """As `MotionGenerator.prompt`."""
        return self._prompt

    @prompt.setter
    def prompt(self, prompt: str | None) -> None:
        self._generator.check_texts(() if prompt is None else (Text(prompt),))
        self._prompt = prompt
        self._send(lambda generator: setattr(generator, "prompt", prompt))

    @property
    def texts(self) -> tuple[Text, ...]:
        """As `MotionGenerator.texts`."""
        return self._texts

    @texts.setter
    def texts(self, texts: Sequence[Text]) -> None:
        self._generator.check_texts(texts)
        self._texts = tuple(texts)
        self._send(lambda generator: setattr(generator, "texts", tuple(texts)))

    @property
    def command(self) -> Command | None:
        """As `MotionGenerator.command`."""
        return self._command

    @command.setter
    def command(self, command: Command | None) -> None:
        if command == self._command:
            return
        self._command = command
        self._send(lambda generator: setattr(generator, "command", command))

    def constrain(self, keyframes: Keyframes = NO_KEYFRAMES, targets: JointTargets = NO_JOINT_TARGETS) -> None:
        """As `MotionGenerator.constrain`, for frames that are `lead + every` or more away.  Raises InputError for
        others."""
        soonest = self._frame + self.lead + self._every
        for frames in (keyframes.frames, targets.frames):
            if len(frames) and frames.min() < soonest:
                raise InputError(f"frame {frames.min()} of a constraint is too soon; wanted {soonest} or later")
        self._send(lambda generator: generator.constrain(keyframes, targets))

    def next(self) -> Motion:
        """The next frame, one frame long.  Before the first it waits for the worker; later never: a frame that is not
        ready is the one before once more, and counts as `late`.

        Raises what the worker ran into.
        """
        if self._last is None:
            self._some.wait()
        if self._error is not None:
            raise self._error
        try:
            self._last = self._ready.popleft()
        except IndexError:
            assert self._last is not None
            self.late += 1
            return self._last
        self._frame += 1
        self._send(None)
        return self._last

    def close(self) -> None:
        """End the worker's part in this; a thread of its own ends too."""
        self._closed = True
        if self._thread is not None:
            self._messages.put(None)  # wakes it
            self._thread.join()
            self._thread = None
            atexit.unregister(self.close)

    def __enter__(self) -> MotionAhead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, message: _Change | None) -> None:
        """A change, or None for one frame more."""
        self._messages.put(message)
        if self._executor is not None and self._working.acquire(blocking=False):
            self._executor.submit(self._work)

    def _serve(self) -> None:
        """On the thread of its own: everything that is sent, as it comes."""
        try:
            while True:
                message = self._messages.get()
                if self._closed:
                    return
                self._follow(message)
        except BaseException as error:  # for the thread that takes the frames
            self._error = error
            self._some.set()

    def _work(self) -> None:
        """On a worker of the executor: everything that was sent, until nothing is left."""
        while True:
            try:
                while not self._closed:
                    self._follow(self._messages.get_nowait())
            except Empty:
                pass
            except BaseException as error:  # for the thread that takes the frames
                self._error = error
                self._some.set()
                return
            self._working.release()
            # something may have come between the last look and the release
            if self._closed or self._messages.empty() or not self._working.acquire(blocking=False):
                return

    def _follow(self, message: _Change | None) -> None:
        if message is not None:
            self._waiting.append(message)
            return
        if self._waiting and self._generator.frame >= self._changed + self._every:
            changes, self._waiting, self._changed = self._waiting, [], self._generator.frame
            for change in changes:
                change(self._generator)
        self._ready.append(self._generator.next(1))
        self._some.set()
