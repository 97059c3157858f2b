"""The protocol over HTTP, asked by the client of the protocol's own SDK."""

import asyncio
import json
import socket
import urllib.error
import urllib.request

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motionmcp.client import (
    MmcpError,
    generate,
    get_capabilities,
    glb_to_gltf,
    parse_gltf_samples,
    pick_model,
    retarget_state,
)


def test_capabilities_name_what_there_is(url):
    model = pick_model(get_capabilities(url, use_cache=False))
    assert model["id"] == "genmo" and model["supports_retargeting"] and model["supports_batch"]
    assert model["canonical_skeleton"]["joints"][0]["name"] == "pelvis"
    assert {"text", "unconditioned", "pose", "motion_reference"} <= set(model["supported_segments"])
    assert retarget_state(url) == "ready"


@pytest.mark.parametrize("kind", ("canonical", "mixamo", "ue5", "vrm", "rigify"))
def test_a_client_gets_a_motion_on_its_own_joints(url, body, kind):
    request = body(kind, options={"num_samples": 2})
    document = generate(url, request)
    samples = parse_gltf_samples(document)
    names = [joint["name"] for joint in request["skeleton"]["joints"]]
    assert len(samples) == 2 and [node["name"] for node in document["nodes"]] == names
    block = document["extensions"]["MMCP_motion"]
    assert block["samples"][0]["num_frames"] == 40 and block["samples"][0]["trajectory"]["position"]
    assert all(joint in names for joint in block["samples"][0]["foot_contacts"])
    assert ("canonical_to_request" in block) is (kind != "canonical")


def test_binary_gltf_is_the_same_document(url, body, as_json):
    document = generate(url, body())
    headers = {"Accept": "model/gltf-binary", "X-Request-ID": "mine", "Idempotency-Key": "k"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/generate", as_json(body()), headers)) as answer:
        assert answer.headers["content-type"] == "model/gltf-binary"
        assert answer.headers["x-request-id"] == "mine" and answer.headers["idempotency-status"] == "declined"
        assert glb_to_gltf(answer.read()) == document


def test_a_batch_fails_item_by_item(url, body, as_json):
    batch = {"protocol_version": "1.0", "requests": [body(frames=10), body(model="other"), body(frames=10)]}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/generate", as_json(batch))) as answer:
        first, second, third = json.load(answer)["results"]
    assert first == third and second["error"]["code"] == "unknown_model"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"model": "other"}, "unknown_model"),
        ({"protocol_version": "2.0"}, "version_unsupported"),
        ({"segments": [{"type": "text", "prompt": "x", "duration_frames": 10**6}]}, "invalid_options"),
        ({"segments": [{"type": "song", "duration_frames": 9}]}, "schema_validation"),
        ({"options": {"keyframe_budget": 0.01}}, "invalid_options"),
        ({"constraints": [{"type": "pose_keyframe", "frame": 0, "joint_rotations": {"x": [1, 0, 0, 0]}}]},
         "unknown_joint"),
        ({"constraints": [{"type": "root_path", "frames": [99], "positions_xz": [[0, 0]]}]}, "frame_out_of_range"),
    ],
)  # fmt: skip
def test_errors_come_in_the_envelope(url, body, change, code):
    with pytest.raises(MmcpError) as caught:
        generate(url, body(**change))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("prompt=a+person+walks+for+5+seconds", 200, {"duration_frames": 150, "seconds": 5.0, "goes_on": False}),
        ("prompt=a+person+walks+for+5+seconds&fps=60", 200, {"duration_frames": 300, "fps": 60.0}),
        ("prompt=a+person+walks+for+500+seconds", 200, {"seconds": 60.0}),
        ("prompt=a+person+walks", 200, {"duration_frames": 120, "goes_on": True}),
        ("prompt=...", 400, "wanted at least one word"),
        ("", 400, "wanted at least one word"),
        ("prompt=walk&fps=x", 400, "fps is 'x'; wanted 1 to 240"),
        ("prompt=walk&fps=nan", 400, "wanted 1 to 240"),
        (f"prompt={'walk+' * 500}", 400, "2000 at most"),
    ],
)
def test_the_length_that_a_text_asks_for(url, query, status, said):
    try:
        with urllib.request.urlopen(f"{url}/length?{query}") as answer:
            got, body = answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        got, body = error.code, json.loads(error.read())
    assert got == status
    if status == 200:
        assert said.items() <= body.items()
    else:
        assert said in body["error"]["message"]


def test_a_client_that_hangs_up_leaves_the_server_as_it_was(url, body, as_json):
    host, port = url.removeprefix("http://").split(":")
    content = as_json(body(frames=300, options={"diffusion_steps": 100}))
    head = f"POST /generate HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    for sent in (head, head + content[:50], head + content, head + content):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(sent)
    assert len(parse_gltf_samples(generate(url, body(frames=10)))) == 1


def test_work_for_nobody_is_stopped(asked, body, as_json):
    long = as_json(body(frames=600, options={"diffusion_steps": 500}))

    async def hang_up(app):
        gone = asyncio.Event()
        request = asyncio.ensure_future(app.ask("POST", "/generate", long, hang_up=gone))
        while b"genmo_running 1.0" not in (await app.ask("GET", "/metrics"))[2]:
            await asyncio.sleep(0.02)
        gone.set()
        await request
        return (await app.ask("POST", "/generate", as_json(body(frames=10))))[0], (await app.ask("GET", "/metrics"))[2]

    with asked() as app:
        status, metrics = app.loop.run_until_complete(hang_up(app))
    assert status == 200 and b"genmo_hung_up_total 1.0" in metrics


def test_a_burst_is_answered_or_told_to_come_back(asked, body, as_json):
    short = as_json(body(frames=5, options={"diffusion_steps": 1}))

    async def burst(app):
        return await asyncio.gather(*(app.ask("POST", "/generate", short) for _ in range(40)))

    with asked(queue=3) as app:
        answers = app.loop.run_until_complete(burst(app))
        after = app("POST", "/generate", short)[0]
    statuses = [status for status, _, _ in answers]
    assert statuses.count(200) == 4 and statuses.count(503) == 36 and after == 200
    refused = next(answer for answer in answers if answer[0] == 503)
    assert refused[1]["retry-after"] == "5" and json.loads(refused[2])["error"]["code"] == "resource_exhausted"


def test_a_motion_that_takes_too_long_is_given_up(asked, body, as_json):
    with asked(timeout=0.2) as app:
        status, headers, content = app("POST", "/generate", as_json(body(frames=900, options={"diffusion_steps": 500})))
    assert status == 504 and json.loads(content)["error"]["code"] == "timeout" and headers["retry-after"]


def test_large_bodies_are_refused_before_they_are_read(asked):
    with asked(max_body=1000) as app:
        status, _, content = app("POST", "/generate", b" " * 1001)
        assert status == 413 and json.loads(content)["error"]["code"] == "payload_too_large"
        lied = app("POST", "/generate", b" " * 5000, {"content-length": "10"})
        assert lied[0] == 413


def test_a_token_is_asked_for(asked):
    with asked(token="a" * 20) as app:
        assert app("GET", "/health")[0] == 200
        for headers in ({}, {"authorization": "Bearer b"}, {"authorization": f"Basic {'a' * 20}"}):
            status, answer, content = app("GET", "/capabilities", headers=headers)
            assert status == 401 and answer["www-authenticate"] == "Bearer"
            assert json.loads(content)["error"]["code"] == "unauthorized"
        assert app("GET", "/capabilities", headers={"authorization": f"Bearer {'a' * 20}"})[0] == 200
        assert app("GET", "/metrics")[0] == 401


def test_pages_of_other_origins_and_other_names_are_refused(asked):
    page = "https://anim.example"
    with asked(origins=(page,)) as app:
        answer = app("GET", "/capabilities", headers={"origin": page})
        assert answer[0] == 200 and answer[1]["access-control-allow-origin"] == page
        asking = {"origin": page, "access-control-request-method": "POST", "access-control-request-headers": "x-a"}
        preflight = app("OPTIONS", "/generate", headers=asking)
        assert preflight[0] == 204 and preflight[1]["access-control-allow-headers"] == "x-a"
        assert app("GET", "/capabilities", headers={"origin": "https://evil.example"})[0] == 403
        assert app("GET", "/capabilities", headers={"host": "evil.example"})[0] == 403
        assert app("GET", "/capabilities", headers={"host": "localhost:8000"})[0] == 200


def test_paths_and_methods_that_are_not_there(asked):
    with asked() as app:
        for method, path, status in (
            ("GET", "/else", 404),
            ("GET", "/generate", 405),
            ("DELETE", "/capabilities", 405),
        ):
            answer = app(method, path)
            assert answer[0] == status and json.loads(answer[2])["error"]["message"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    "protocol_version",
    "model",
    "skeleton",
    "segments",
    "constraints",
    "duration_frames",
    "timing",
    "options",
    "requests",
)


def test_any_body_is_answered_in_the_envelope(asked, body, as_json):
    good = body(frames=3, options={"diffusion_steps": 1})

    with asked() as app:

        @given(st.data())
        @settings(max_examples=200)
        def any_body(data):
            changed = json.loads(json.dumps(good))
            node, keys = changed, []
            while isinstance(node, dict | list) and node and data.draw(st.integers(0, 3)):
                keys = sorted(node) if isinstance(node, dict) else range(len(node))
                key = data.draw(st.sampled_from(list(keys)))
                parent, node = node, node[key]
            if node is changed:
                changed[data.draw(st.sampled_from(FIELDS))] = data.draw(VALUES)
            else:
                parent[key] = data.draw(VALUES)
            content = data.draw(st.binary(max_size=40)) if data.draw(st.integers(0, 9)) == 0 else as_json(changed)
            status, _, answer = app("POST", "/generate", content)
            told = json.loads(answer)
            assert status < 500, (changed, told)
            assert status == 200 or told["error"]["code"]

        any_body()


def test_numbers_that_json_does_not_have_never_come_out(asked, body, as_json):
    request = body(frames=5)
    request["skeleton"]["joints"][3]["rest_translation"] = [float("nan"), 0, 0]
    with asked() as app:
        status, _, content = app("POST", "/generate", as_json(request))
    assert status == 400 and json.loads(content)["error"]["code"] == "invalid_skeleton"
