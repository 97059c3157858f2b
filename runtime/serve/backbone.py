"""genmo as a backbone of the protocol's SDK."""

from __future__ import annotations

import logging
import threading
import time

from motionmcp import Backbone, GenerateRequest, ModelSpec, MotionResult, ProtocolError
from motionmcp.backbone import Limits
from motionmcp.schemas import ModelOption

from genmo.runtime.model import MotionModel
from genmo.runtime.motion.motion import FPS
from genmo.runtime.serve.jobs import Jobs
from genmo.runtime.serve.maker import Maker
from genmo.runtime.serve.metrics import Metrics
from genmo.runtime.serve.notes import Stopped
from genmo.runtime.serve.references import STRENGTH, USUAL_STRENGTH
from genmo.runtime.serve.settings import ServeSettings
from genmo.runtime.serve.skeletons import canonical_skeleton
from genmo.runtime.serve.videos import Opened, Watcher
from genmo.runtime.support.errors import GenmoError

log = logging.getLogger("genmo.serve")

NATIVE_SECONDS = 10.0
"""of the windows that the shipped engine is trained on, in round numbers"""
CONTACTS = ("left_ankle", "left_foot", "right_ankle", "right_foot")


class GenmoBackbone(Backbone):
    """One model behind the protocol."""

    def __init__(
        self, model: MotionModel, settings: ServeSettings, metrics: Metrics, opened: Opened | None = None
    ) -> None:
        """`opened` opens the networks that look at videos, for `video_reference`."""
        self.model_id = settings.model_id
        self.settings, self.metrics = settings, metrics
        self.maker = Maker(model, None if opened is None else Watcher(model, settings, opened), settings.tries)
        self.spec = model_spec(settings, videos=opened is not None)
        self.jobs: Jobs | None = None

    def setup(self) -> None:
        """Called when the server starts."""
        settings = self.settings
        self.jobs = Jobs(settings.concurrency, settings.queue, settings.timeout, self.metrics)

    def teardown(self) -> None:
        """Called when the server ends."""
        if self.jobs is not None:
            self.jobs.close()

    def capabilities(self) -> ModelSpec:
        """What the model can do."""
        return self.spec

    async def generate(self, request: GenerateRequest) -> MotionResult:
        """The motions of one validated request.  Raises ProtocolError."""
        if self.jobs is None:
            raise ProtocolError("model_unavailable", "the server is starting; try again in a moment")
        return await self.jobs.run(lambda stop: self._answer(request, stop))

    def _answer(self, request: GenerateRequest, stop: threading.Event) -> MotionResult:
        start = time.perf_counter()
        try:
            result = self.maker.answer(request, stop)
        except (ProtocolError, Stopped):
            raise
        except GenmoError as error:
            raise ProtocolError("invalid_request", str(error)) from None
        except MemoryError:
            raise ProtocolError("resource_exhausted", "not enough memory for this request; ask for less") from None
        except Exception:
            log.exception("a motion could not be made")
            raise ProtocolError("internal_error", "the server failed at this motion; its log says where") from None
        self.metrics.work.observe(time.perf_counter() - start)
        self.metrics.frames.inc(result.num_samples * result.num_frames)
        return result


def model_spec(settings: ServeSettings, videos: bool = False) -> ModelSpec:
    """What the model can do, as `GET /capabilities` tells it; `videos`: whether it can look at them."""
    return ModelSpec(
        id=settings.model_id,
        fps=FPS,
        canonical_skeleton=canonical_skeleton(),
        supports_retargeting=True,
        supports_segment_seed=True,
        supports_loop=True,
        supported_constraints=["root_path", "effector_target", "pose_keyframe", "ground_height"],
        supported_segments=["text", "unconditioned", "pose", "motion_reference", *["video_reference"] * videos],
        model_options=[
            ModelOption(
                name=STRENGTH,
                type="number",
                title="Reference strength",
                description="How closely motion and video references are followed: 0 not at all, 1 as a copy",
                default=USUAL_STRENGTH,
                minimum=0,
                maximum=1,
            )
        ],
        supported_guidance_types=["nocfg", "regular", "separated"],
        predicted_contact_joints=list(CONTACTS),
        native_clip_seconds=NATIVE_SECONDS,
        recommended_max_duration_seconds=min(30.0, settings.max_seconds),
        limits=Limits(
            max_duration_seconds=settings.max_seconds,
            max_num_samples=settings.max_samples,
            max_constraints_per_request=settings.max_constraints,
            max_prompt_length=settings.max_prompt,
            max_request_bytes=settings.max_body,
            max_batch_size=settings.max_batch,
            max_reference_frames=settings.max_reference_frames,
            max_video_bytes=settings.max_video if videos else None,
            max_video_seconds=settings.max_video_seconds if videos else None,
        ),
    )
