"""A server of the engine that ships, on a free port of this machine, and skeletons as animation tools send them."""

import asyncio
import json
import threading

import numpy as np
import pytest
import uvicorn

from genmo.runtime.model import MotionModel
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.serve.app import application
from genmo.runtime.serve.settings import ServeSettings
from genmo.runtime.serve.skeletons import canonical_skeleton

# A person of 1.8 m, metres, facing +z: part -> (part above, place); limbs are the left ones.
TRUNK = {
    "hips": (None, (0, 1.00, 0)),
    "spine": ("hips", (0, 1.12, -0.02)),
    "chest": ("spine", (0, 1.25, -0.03)),
    "upper_chest": ("chest", (0, 1.38, -0.02)),
    "neck": ("upper_chest", (0, 1.52, 0.0)),
    "head": ("neck", (0, 1.62, 0.02)),
}
LIMBS = {
    "upper_leg": ("hips", (0.10, 0.95, 0.0)),
    "lower_leg": ("upper_leg", (0.11, 0.51, 0.01)),
    "foot": ("lower_leg", (0.115, 0.09, -0.03)),
    "toes": ("foot", (0.13, 0.022, 0.11)),
    "shoulder": ("upper_chest", (0.04, 1.46, 0.0)),
    "upper_arm": ("shoulder", (0.18, 1.45, -0.02)),
    "lower_arm": ("upper_arm", (0.46, 1.45, -0.03)),
    "hand": ("lower_arm", (0.71, 1.45, -0.02)),
    "middle": ("hand", (0.81, 1.445, -0.015)),
}
NAMES = {
    "mixamo": lambda part, side: "mixamorig:" + {
        "hips": "Hips", "spine": "Spine", "chest": "Spine1", "upper_chest": "Spine2", "neck": "Neck", "head": "Head",
        "upper_leg": "UpLeg", "lower_leg": "Leg", "foot": "Foot", "toes": "ToeBase", "shoulder": "Shoulder",
        "upper_arm": "Arm", "lower_arm": "ForeArm", "hand": "Hand", "middle": "HandMiddle1",
    }[part].join([side.title(), ""]),
    "ue5": lambda part, side: {
        "hips": "pelvis", "spine": "spine_01", "chest": "spine_02", "upper_chest": "spine_03", "neck": "neck_01",
        "head": "head", "upper_leg": "thigh", "lower_leg": "calf", "foot": "foot", "toes": "ball",
        "shoulder": "clavicle", "upper_arm": "upperarm", "lower_arm": "lowerarm", "hand": "hand", "middle": "middle_01",
    }[part] + (f"_{side[0]}" if side else ""),
    "vrm": lambda part, side: "J_Bip_" + (side[:1].upper() or "C") + "_" + {
        "hips": "Hips", "spine": "Spine", "chest": "Chest", "upper_chest": "UpperChest", "neck": "Neck", "head": "Head",
        "upper_leg": "UpperLeg", "lower_leg": "LowerLeg", "foot": "Foot", "toes": "ToeBase", "shoulder": "Shoulder",
        "upper_arm": "UpperArm", "lower_arm": "LowerArm", "hand": "Hand", "middle": "Middle1",
    }[part],
    "rigify": lambda part, side: "DEF-" + {
        "hips": "spine", "spine": "spine.001", "chest": "spine.002", "upper_chest": "spine.003", "neck": "spine.004",
        "head": "spine.006", "upper_leg": "thigh", "lower_leg": "shin", "foot": "foot", "toes": "toe",
        "shoulder": "shoulder", "upper_arm": "upper_arm", "lower_arm": "forearm", "hand": "hand",
        "middle": "f_middle.01",
    }[part] + (f".{side[0].upper()}" if side else ""),
}  # fmt: skip
ARMS_DOWN = {"mixamo": 0.0, "ue5": 0.7, "vrm": 0.0, "rigify": 0.9}


def places(names, arms_down=0.0, size=1.0):
    """[(name, name above, place [3])] of a person whose arms hang by `arms_down` radians, `size` times as tall."""
    bones = [(part, "", above, np.asarray(at, float)) for part, (above, at) in TRUNK.items()]
    for side in ("left", "right"):
        for part, (above, at) in LIMBS.items():
            at = np.asarray(at, float)
            if part in ("lower_arm", "hand", "middle"):
                shoulder = np.asarray(LIMBS["upper_arm"][1])
                at = matrix_from_axis_angle(np.asarray([0, 0, -arms_down])) @ (at - shoulder) + shoulder
            bones.append((part, side, above, at * (1 if side == "left" else -1, 1, 1)))
    return [
        (names(part, side), above and names(above, "" if above in TRUNK else side), size * at)
        for part, side, above, at in bones
    ]


def skeleton_of(bones, turn=None):
    """A skeleton of the protocol; `turn` [3, 3] turns all of it, as a file that faces another way has it."""
    turn = np.eye(3) if turn is None else turn
    at = {name: turn @ place for name, _, place in bones}
    return {
        "joints": [
            {
                "name": name,
                "parent": above,
                "rest_translation": (at[name] - (0 if above is None else at[above])).tolist(),
                "rest_rotation": [0, 0, 0, 1],
            }
            for name, above, _ in bones
        ]
    }


def rig(kind, **more):
    """The skeleton of a kind of rig; Unreal's has a root on the floor."""
    if kind == "canonical":
        return canonical_skeleton().model_dump(mode="json")
    bones = places(NAMES[kind], ARMS_DOWN[kind], **{k: v for k, v in more.items() if k == "size"})
    if kind == "ue5":
        bones = [("root", None, np.zeros(3)), *((name, above or "root", at) for name, above, at in bones)]
    return skeleton_of(bones, more.get("turn"))


@pytest.fixture(scope="session")
def make_rig():
    return rig


@pytest.fixture(scope="session")
def shipped():
    """The engine that ships, on one thread."""
    return MotionModel.load(threads=1)


@pytest.fixture(scope="session")
def body():
    """`body(**changes)`: a request of one short text in two steps."""

    def make(kind="canonical", prompt="a person walks forward", frames=40, options=None, **changes):
        request = {
            "protocol_version": "1.4",
            "model": "genmo",
            "skeleton": rig(kind),
            "segments": [{"type": "text", "prompt": prompt, "duration_frames": frames}],
            "options": {"seed": 1, "diffusion_steps": 4, **(options or {})},
        }
        return {name: value for name, value in {**request, **changes}.items() if value is not None}

    return make


class Asked:
    """An application that is asked without a network in between, in an event loop of its own."""

    def __init__(self, app):
        self.app, self.loop = app, asyncio.new_event_loop()
        self._to_app, self._ended = None, None

    def __enter__(self):
        async def start():
            self._to_app = asyncio.Queue()
            ready = asyncio.Event()

            async def send(message):
                ready.set()

            await self._to_app.put({"type": "lifespan.startup"})
            self._ended = asyncio.ensure_future(self.app({"type": "lifespan"}, self._to_app.get, send))
            await ready.wait()

        self.loop.run_until_complete(start())
        return self

    def __exit__(self, *_):
        async def stop():
            await self._to_app.put({"type": "lifespan.shutdown"})
            await self._ended

        self.loop.run_until_complete(stop())
        self.loop.close()

    def __call__(self, method, path, body=b"", headers=()):
        """Status, headers and body of one request."""
        return self.loop.run_until_complete(self.ask(method, path, body, headers))

    async def ask(self, method, path, body=b"", headers=(), hang_up=None):
        """`hang_up`: an event on which the client goes."""
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        answer = {"body": b"", "status": None, "headers": {}}

        async def receive():
            if messages:
                return messages.pop(0)
            await (hang_up or asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if message["type"] == "http.response.start":
                answer["status"] = message["status"]
                answer["headers"] = {name.decode(): value.decode() for name, value in message["headers"]}
            answer["body"] += message.get("body", b"")

        known = {"host": "127.0.0.1", "content-length": str(len(body)), **dict(headers)}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "http_version": "1.1",
            "scheme": "http",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "headers": [(name.lower().encode(), value.encode()) for name, value in known.items()],
        }
        await self.app(scope, receive, send)
        return answer["status"], answer["headers"], answer["body"]


@pytest.fixture
def asked(shipped):
    """`asked(**settings)`: the application, asked in this process; a context."""
    return lambda **settings: Asked(application(shipped, ServeSettings(**settings)))


@pytest.fixture(scope="session")
def url(shipped):
    """Address of a server that runs in a thread."""
    config = uvicorn.Config(application(shipped, ServeSettings()), port=0, log_config=None, ws="none", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def as_json():
    return lambda value: json.dumps(value).encode()
