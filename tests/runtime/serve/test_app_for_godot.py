"""What the dock of godot-kimodo asks for, and what it accepts: the checks of its reader of answers, written anew.

The dock speaks protocol 1.0 and sends the skeleton that its server has told it; `genmo-serve` takes any.
"""

import base64
import json

import numpy as np
import pytest

FRAMES = 30


def asked_by_the_dock(skeleton, steps, takes):
    """The body of its one kind of request."""
    return {
        "protocol_version": "1.0",
        "model": "genmo",
        "skeleton": skeleton,
        "segments": [{"type": "text", "prompt": "A person walks forward.", "duration_frames": FRAMES}],
        "constraints": [],
        "timing": {"fps": 30.0},
        "options": {
            "diffusion_steps": steps,
            "num_samples": takes,
            "seed": 1234,
            "post_processing": False,
            "transition_frames": 5,
        },
    }


def accepted_by_the_dock(headers, content, skeleton, takes):
    """Fail where the dock would."""
    assert headers["content-type"].startswith("model/gltf+json")
    assert len(content) < 8 * 2**20
    document = json.loads(content)
    nodes, joints = document["nodes"], skeleton["joints"]
    assert [node["name"] for node in nodes] == [joint["name"] for joint in joints]
    above = {child: node["name"] for node in nodes for child in node.get("children", ())}
    assert [above.get(index) for index in range(len(nodes))] == [joint["parent"] for joint in joints]
    told = document["extensions"]["MMCP_motion"]
    assert told["fps"] == 30.0
    animations = document["animations"]
    names = [animation["name"] for animation in animations]
    assert len(set(names)) == takes and all(names)
    assert [(sample["name"], sample["num_frames"]) for sample in told["samples"]] == [(name, FRAMES) for name in names]
    for animation in animations:
        targets = [(channel["target"]["path"], channel["target"]["node"]) for channel in animation["channels"]]
        assert sorted(targets) == sorted([("rotation", index) for index in range(len(nodes))] + [("translation", 0)])
        for sampler in animation["samplers"]:
            times = values(document, sampler["input"])
            assert times[-1] == pytest.approx((FRAMES - 1) / 30)
            assert np.isfinite(values(document, sampler["output"])).all()
    return document


def values(document, index):
    accessor = document["accessors"][index]
    view = document["bufferViews"][accessor["bufferView"]]
    data = base64.b64decode(document["buffers"][view["buffer"]]["uri"].partition(",")[2])
    count = accessor["count"] * {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor["type"]]
    return np.frombuffer(data, "<f4", count, view.get("byteOffset", 0) + accessor.get("byteOffset", 0))


@pytest.mark.parametrize(("kind", "takes"), [("canonical", 1), ("mixamo", 2)])
def test_the_dock_accepts_what_it_has_asked_for(asked, as_json, make_rig, kind, takes):
    skeleton = make_rig(kind)
    with asked() as ask:
        headers = {"accept": "model/gltf+json", "content-type": "application/json"}
        status, told, content = ask("POST", "/generate", as_json(asked_by_the_dock(skeleton, 4, takes)), headers)
    assert status == 200, content
    accepted_by_the_dock(told, content, skeleton, takes)


def test_the_dock_shows_the_reason_of_a_refusal(asked, as_json, make_rig):
    body = asked_by_the_dock(make_rig("canonical"), 4, 1)
    body["options"]["num_samples"] = 1000
    with asked() as ask:
        status, _, content = ask("POST", "/generate", as_json(body))
    assert status in (400, 422)
    assert isinstance(json.loads(content)["error"]["message"], str)
