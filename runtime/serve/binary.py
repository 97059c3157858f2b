"""glTF as one binary file (GLB), for clients that ask for it."""

from __future__ import annotations

import base64
import json

from genmo.runtime.formats.gltf import pack

GLTF_BINARY = "model/gltf-binary"
GLTF_JSON = ("model/gltf+json", "application/json", "*/*", "model/*", "application/*")


def wants_binary(accept: str) -> bool:
    """Whether an `Accept` header likes GLB better than JSON."""
    quality: dict[str, float] = {}
    for choice in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in choice.split(";"))
        weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        try:
            quality[kind] = float(weight)
        except ValueError:
            quality[kind] = 0.0
    binary = quality.get(GLTF_BINARY, 0.0)
    named = [quality[kind] for kind in GLTF_JSON[:2] if kind in quality]
    return binary > 0 and binary > max(named, default=0.0)


def packed(body: bytes) -> bytes:
    """A GLB file of a glTF document with one buffer in a data URI."""
    document = json.loads(body)
    (buffer,) = document["buffers"]
    binary = base64.b64decode(buffer.pop("uri").partition(",")[2])
    return pack(document, binary)
