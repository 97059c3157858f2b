"""Released weights: the network that they were trained in, written a second time the slow way, answers the same."""

import functools
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from genmo.export import pipeline, released_weights
from genmo.export.onnx.constant_folding import folds_null_text
from genmo.export.onnx.graphs import example_inputs, export_graphs, write_onnx
from genmo.export.onnx.weight_locations import native_table
from genmo.export.options import ExportOptions
from genmo.export.released_weights import HEADS, LAYOUT, Source, convert, infer_config
from genmo.runtime.cli.run import main as run_command
from genmo.runtime.denoiser.sampler import _with_and_without, estimate, generate
from genmo.runtime.engine.backends.native import NativeDenoiser
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine.bundle import load_engine
from genmo.runtime.engine.graphs import GRAPHS, Graphs
from genmo.runtime.motion.representation import decode
from genmo.runtime.support import native
from genmo.runtime.support.errors import InputError
from genmo.train.network.safe_unpickle import Storage, StoredTensor

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "gem"
NETWORK = {"gem": "pipeline.denoiser3d.denoiser.", "gvhmr": "pipeline.denoiser3d."}
WIDTH, DEPTH, HIDDEN, TOKENS, TEXT, VIDEO, MUSIC = 32, 2, 48, 50, 12, 10, 7
LENGTHS = (1, 60, 119, 120, 121, 180, 300)
TOLERANCE = 1e-4
UPRIGHT = torch.tensor([1.0, 0, 0, 0, -1, 0])


def shapes(family, width=WIDTH, depth=DEPTH, hidden=HIDDEN, text=TEXT, video=VIDEO, music=MUSIC, rows=1100):
    """Names and shapes of a state dict of the family."""
    found = {}
    network, outside = NETWORK[family], "" if family == "gem" else NETWORK[family]

    def linear(name, size_in, size_out):
        found[f"{name}.weight"], found[f"{name}.bias"] = (size_out, size_in), (size_out,)

    def block(name, norms, gates):
        for norm in norms:
            found[f"{name}.{norm}.weight"] = found[f"{name}.{norm}.bias"] = (width,)
        for gate in gates:
            found[f"{name}.{gate}"] = (1, 1, width)
        linear(f"{name}.mlp.fc1", width, hidden)
        linear(f"{name}.mlp.fc2", hidden, width)

    found[f"{outside}learned_pos_params"] = (17, 32)
    linear(f"{outside}learned_pos_linear", 2, 32)
    linear(f"{outside}embed_noisyobs.fc1", 544, 2 * width)
    linear(f"{outside}embed_noisyobs.fc2", 2 * width, width)
    for name, size in (("cliffcam", 3), ("cam_angvel", 6)):
        linear(f"{outside}{name}_embedder.0", size, width)
        linear(f"{outside}{name}_embedder.3", width, width)
    found[f"{outside}imgseq_embedder.0.weight"] = found[f"{outside}imgseq_embedder.0.bias"] = (video,)
    linear(f"{outside}imgseq_embedder.1", video, width)
    for index in range(depth):
        name = f"{network}blocks.{index}"
        block(name, ("norm1", "norm2"), ("gate_msa", "gate_mlp"))
        for part in ("query", "key", "value", "proj"):
            linear(f"{name}.attn.{part}", width, width)
    for name, size in (("final_layer", 151), ("pred_cam_head", 3), ("static_conf_head", 6)):
        linear(f"{network}{name}.fc1", width, width)
        linear(f"{network}{name}.fc2", width, size)
    if family == "gvhmr":
        return found
    for name in ("f_cliffcam", "f_imgseq", "f_cam_angvel", *["encoded_music"] * bool(music), "encoded_audio"):
        linear(f"cond_exists_embedder.{name}.0", width + 1, width)
        linear(f"cond_exists_embedder.{name}.2", width, width)
    if music:
        linear("music_embedder.fc1", music, 2 * width)
        linear("music_embedder.fc2", 2 * width, width)
    linear(f"{network}add_cond_linear", width + 151, width)
    linear(f"{network}embed_text", text, width)
    for layer in (0, 2):
        linear(f"{network}embed_timestep.time_embed.{layer}", width, width)
    for index in range(depth):
        name = f"{network}text_encoder_layers.{index}"
        block(name, ("norm2", "norm3"), ("gate_cross_attn", "gate_mlp"))
        found[f"{name}.cross_attn.in_proj_weight"] = (3 * width, width)
        found[f"{name}.cross_attn.in_proj_bias"] = (3 * width,)
        linear(f"{name}.cross_attn.out_proj", width, width)
        found[f"{name}.motion_pos_encoder.pe"] = (5, 1, width)
    for name in ("sequence_pos_encoder.pe", "embed_timestep.sequence_pos_encoder.pe"):
        found[f"{network}{name}"] = (rows, 1, width)
    return found


def released(family, seed=0, **sizes):
    """A state dict of random weights in which everything has a say."""
    random = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes(family, **sizes).items():
        spread = shape[-1] ** -0.5 if name.endswith("weight") and len(shape) == 2 else 0.3
        state[name] = torch.randn(shape, generator=random) * spread
        if "gate" in name or (len(shape) == 1 and name.endswith("weight")):
            state[name] += 0.7
    if family == "gem":
        table = state[f"{NETWORK['gem']}sequence_pos_encoder.pe"]
        state[f"{NETWORK['gem']}embed_timestep.sequence_pos_encoder.pe"] = table
    return state


def save(folder, state, name="released.ckpt", **more):
    torch.save({"epoch": 1, "global_step": 2, "state_dict": state, **more}, folder / name)
    return folder / name


@pytest.fixture(scope="module")
def statistics(tmp_path_factory):
    """The units of the network: nothing is scaled, the mean root stands upright in a frame with y down."""
    path = tmp_path_factory.mktemp("statistics") / "statistics.json"
    mean = torch.zeros(LAYOUT.width)
    mean[LAYOUT.slices["gravity_view_orientation"]] = 30 * UPRIGHT
    path.write_text(json.dumps({"mean": mean.tolist(), "std": [1.0] * LAYOUT.width}))
    return path


def linear(state, name, x):
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def sequential(state, name, x, last):
    return linear(state, f"{name}.{last}", F.silu(linear(state, f"{name}.0", x)))


def mlp(state, name, x, form="none"):
    return linear(state, f"{name}.fc2", F.gelu(linear(state, f"{name}.fc1", x), approximate=form))


def norm(state, name, x, eps=1e-6):
    centred = x - x.mean(-1, keepdim=True)
    return (
        centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt() * state[f"{name}.weight"]
        + state[f"{name}.bias"]
    )


def attend(q, k, v, mask=None):
    """One sample: [n, width] queries over [m, width], head by head."""
    heads = []
    for q_, k_, v_ in zip(q.chunk(HEADS, -1), k.chunk(HEADS, -1), v.chunk(HEADS, -1), strict=True):
        scores = q_ @ k_.T / q_.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        heads.append(scores.softmax(-1) @ v_)
    return torch.cat(heads, -1)


def rotary(x):
    """Pairs of channels of every head as complex numbers, turned by position times frequency."""
    size = x.shape[-1] // HEADS
    pairs = torch.view_as_complex(x.double().reshape(len(x), HEADS, size // 2, 2))
    angle = torch.arange(len(x))[:, None] * 10000.0 ** (-torch.arange(0, size, 2).double() / size)
    turned = pairs * torch.polar(torch.ones_like(angle), angle)[:, None]
    return torch.view_as_real(turned).reshape(len(x), -1).float()


def window(frames):
    mask = torch.zeros(frames, frames, dtype=torch.bool)
    for row in range(frames):
        start = min(max(row - 60, 0), max(frames - 120, 0))
        mask[row, start : start + 120] = True
    return mask


def cross(state, name, x, memory):
    weight, bias = state[f"{name}.in_proj_weight"], state[f"{name}.in_proj_bias"]
    parts = zip((x, memory, memory), weight.chunk(3), bias.chunk(3), strict=True)
    return linear(state, f"{name}.out_proj", attend(*(y @ w.T + b for y, w, b in parts)))


def reference_conditions(state, family, c):
    """[frames, width]: c has `obs`, values and exists flags of one sample."""
    outside = "" if family == "gem" else NETWORK[family]
    seen = c["obs"][..., 2] > 0.5
    points = linear(state, f"{outside}learned_pos_linear", c["obs"][..., :2])
    points[~seen] = state[f"{outside}learned_pos_params"].expand_as(points)[~seen]
    total = mlp(state, f"{outside}embed_noisyobs", points.flatten(-2))
    turn = c["turn"] - torch.tensor([1.0, 0, 0, 0, 1, 0])
    turn = turn / torch.tensor([0.001, 0.1, 0.1, 0.1, 0.001, 0.1])
    turn[c["turn_exists"] == 0] = 0
    parts = {
        "f_cliffcam": (sequential(state, f"{outside}cliffcam_embedder", c["box"], 3), c["box_exists"]),
        "f_cam_angvel": (sequential(state, f"{outside}cam_angvel_embedder", turn, 3), c["turn_exists"]),
        "f_imgseq": (
            linear(state, f"{outside}imgseq_embedder.1", norm(state, f"{outside}imgseq_embedder.0", c["video"], 1e-5)),
            c["video_exists"],
        ),
    }
    if family == "gvhmr":
        parts["f_cam_angvel"] = (parts["f_cam_angvel"][0], torch.ones(len(total)))
        return total + sum(value * exists[:, None] for value, exists in parts.values())
    if "music" in c:
        parts["encoded_music"] = (mlp(state, "music_embedder", c["music"]), c["music_exists"])
    parts["encoded_audio"] = (torch.zeros_like(total), torch.zeros(len(total)))
    for name, (value, exists) in parts.items():
        flagged = torch.cat([value * exists[:, None], exists[:, None]], dim=-1)
        total = total + sequential(state, f"cond_exists_embedder.{name}", flagged, 2)
    return total


def reference(state, family, c):
    """x_0 [frames, 151], weak perspective, contact logits of one sample, by the released order of operations."""
    network = NETWORK[family]
    x = reference_conditions(state, family, c)
    frames, memories = len(x), []
    if family == "gem":
        table = state[f"{network}sequence_pos_encoder.pe"][:, 0]
        x = x + sequential(state, f"{network}embed_timestep.time_embed", table[c["timestep"]], 2)
        x = linear(state, f"{network}add_cond_linear", torch.cat([x, c["x_t"]], dim=-1))
        texts = c["texts"] or [(torch.zeros(TOKENS, state[f"{network}embed_text.weight"].shape[1]), 0, frames)]
        memories = [(linear(state, f"{network}embed_text", t) + table[:TOKENS], start, end) for t, start, end in texts]
    mask = window(frames)
    for index in range(sum(name.endswith("gate_msa") for name in state)):
        if family == "gem":
            name = f"{network}text_encoder_layers.{index}"
            mixed = torch.zeros_like(x)
            for memory, start, end in memories:
                mixed[start:end] += cross(state, f"{name}.cross_attn", norm(state, f"{name}.norm2", x), memory)[
                    start:end
                ]
            x = x + state[f"{name}.gate_cross_attn"][0] * mixed
            x = x + state[f"{name}.gate_mlp"][0] * mlp(state, f"{name}.mlp", norm(state, f"{name}.norm3", x), "tanh")
        name = f"{network}blocks.{index}"
        y = norm(state, f"{name}.norm1", x)
        q, k, v = (linear(state, f"{name}.attn.{part}", y) for part in ("query", "key", "value"))
        y = linear(state, f"{name}.attn.proj", attend(rotary(q), rotary(k), v, mask))
        x = x + state[f"{name}.gate_msa"][0] * y
        x = x + state[f"{name}.gate_mlp"][0] * mlp(state, f"{name}.mlp", norm(state, f"{name}.norm2", x), "tanh")
    motion = mlp(state, f"{network}final_layer", x)
    motion[:, 126:136] = motion[:, 126:136].mean(0)
    weak = mlp(state, f"{network}pred_cam_head", x) * torch.tensor([0.1784, 0.0956, 0.0764])
    weak = weak + torch.tensor([1.0606, -0.0027, 0.2702])
    weak[:, 0] = weak[:, 0].clamp(min=0.25)
    return {"x_0": motion, "weak_perspective": weak, "contact_logits": mlp(state, f"{network}static_conf_head", x)}


def case(frames, spans=(), seed=0, music=True):
    """A made-up sample for `reference`."""
    random = np.random.default_rng((frames, seed))

    def numbers(*shape):
        return torch.from_numpy(random.standard_normal(shape).astype(np.float32))

    def exists():
        return torch.from_numpy(random.integers(0, 2, frames).astype(np.float32))

    c = {
        "obs": torch.cat([numbers(frames, 17, 2), torch.from_numpy(random.random((frames, 17, 1), np.float32))], -1),
        "box": numbers(frames, 3),
        "turn": torch.tensor([1.0, 0, 0, 0, 1, 0])
        + torch.tensor([1e-3, 0.1, 0.1, 0.1, 1e-3, 0.1]) * numbers(frames, 6),
        "video": numbers(frames, VIDEO),
        "x_t": numbers(frames, 151),
        "timestep": int(random.integers(0, 1000)),
        "texts": [(numbers(TOKENS, TEXT), *span) for span in spans],
    }
    for text, _, _ in c["texts"]:
        text[int(random.integers(1, TOKENS)) :] = 0  # padding
    c |= {f"{name}_exists": exists() for name in ("box", "turn", "video")}
    return c | ({"music": numbers(frames, MUSIC), "music_exists": exists()} if music else {})


def signature_inputs(c, text_width=TEXT):
    """The same sample as arrays [1, ...] of the signature."""
    frames = len(c["x_t"])
    texts = c["texts"] or [(torch.zeros(TOKENS, text_width), 0, 0)]
    tokens = torch.stack([text for text, _, _ in texts])
    tensors = {
        "x_t": c["x_t"],
        "timestep": torch.tensor(c["timestep"]),
        "keypoints": c["obs"],
        "keypoints_mask": torch.ones(frames),
        "bounding_box": c["box"],
        "bounding_box_mask": c["box_exists"],
        "camera": F.pad(c["turn"], (0, 6), value=9.0),
        "camera_mask": c["turn_exists"],
        "video": c["video"],
        "video_mask": c["video_exists"],
        "text_tokens": tokens,
        "text_token_mask": (tokens != 0).any(-1).float(),
        "text_spans": torch.tensor([[start, end] for _, start, end in texts]),
    }
    if "music" in c:
        tensors |= {"music": c["music"], "music_mask": c["music_exists"]}
    return {name: tensor[None].numpy() for name, tensor in tensors.items()}


def frozen(checkpoint, folder):
    """The exported graphs, loaded."""
    denoiser = checkpoint.model.denoiser
    for name, graph in export_graphs(denoiser).items():
        write_onnx(graph, folder / f"{name}.onnx")
    graphs = Graphs(*(folder / f"{name}.onnx" for name in GRAPHS), folds_null_text(denoiser))
    return OnnxRuntimeDenoiser(graphs, checkpoint.model.config, threads=1)


@pytest.fixture(scope="module", params=["gem", "gvhmr"])
def imported(request, tmp_path_factory, statistics):
    """A family's state dict, what it was converted to, and its exported graph."""
    pytest.importorskip("onnxscript")
    family, folder = request.param, tmp_path_factory.mktemp("imported")
    state = released(family)
    checkpoint = convert(save(folder, state), statistics, "up")
    engine = frozen(checkpoint, folder)
    return SimpleNamespace(family=family, state=state, checkpoint=checkpoint, engine=engine, folder=folder)


@pytest.fixture(scope="module")
def libgenmo(imported):
    """The same in libgenmo, by instruction set, and in fixed point."""
    denoiser, config = imported.checkpoint.model.denoiser, imported.checkpoint.model.config
    graphs = Graphs(*(imported.folder / f"{name}.onnx" for name in GRAPHS), folds_null_text(denoiser))
    graphs = replace(graphs, native=native_table(denoiser, graphs))
    opened = {}
    for name in native.instruction_sets():
        with native.using_instruction_set(name):
            opened[name] = NativeDenoiser(graphs, config, threads=3 if name == "portable" else 1)
    return opened | {"i16": NativeDenoiser(graphs, config, threads=2, precision="i16")}


@torch.no_grad()
def ask(denoiser, arrays):
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    return {name: tensor.numpy() for name, tensor in denoiser(tensors).items()}


def asked(imported, frames, spans=(), seed=0):
    """A case for the reference and the same for ours; GVHMR's has one text slot of the signature, empty."""
    c = case(frames, spans, seed, music=imported.family == "gem")
    if imported.family == "gvhmr":
        c["texts"] = []
    return c, signature_inputs(c, imported.checkpoint.model.config.text_width)


def assert_same(ours, theirs, label):
    assert set(ours) == {"x_0", "weak_perspective", "contact_logits"}
    for name, wanted in theirs.items():
        found = ours[name][0] if ours[name].ndim == 3 else ours[name]
        np.testing.assert_allclose(found, wanted, atol=TOLERANCE, rtol=0, err_msg=f"{label}: {name}")


@pytest.mark.parametrize("frames", LENGTHS)
def test_torch_and_engine_are_the_released_network(imported, frames):
    """Without text, one over all, gaps, one text over another; conditions partly there."""
    third = frames // 3
    for spans in ((), ((0, frames),), ((0, third + 1), (2 * third, frames)), ((0, frames), (third, third + 5))):
        spans = [(start, min(end, frames)) for start, end in spans if start < frames]
        c, arrays = asked(imported, frames, spans)
        wanted = {name: tensor.numpy() for name, tensor in reference(imported.state, imported.family, c).items()}
        assert_same(ask(imported.checkpoint.model.denoiser, arrays), wanted, f"torch, {spans}")
        assert_same(imported.engine(arrays), wanted, f"engine, {spans}")


@pytest.mark.skipif(native.library() is None, reason=native.description())
@pytest.mark.parametrize("frames", [1, 121])
def test_libgenmo_is_the_released_network(imported, frames, libgenmo):
    """With every instruction set, on one thread and on three."""
    third = frames // 3
    for spans in ((), ((0, frames),), ((0, third), (2 * third, frames)), ((0, frames), (third, third + 5))):
        spans = [(start, min(end, frames)) for start, end in spans if start < min(end, frames)]
        c, arrays = asked(imported, frames, spans)
        wanted = {name: tensor.numpy() for name, tensor in reference(imported.state, imported.family, c).items()}
        for name in native.instruction_sets():
            assert_same(libgenmo[name](arrays), wanted, f"{name}, {spans}")


@pytest.mark.skipif(native.library() is None, reason=native.description())
def test_libgenmo_reads_a_batch_of_the_released_network(imported, libgenmo):
    """As ONNX Runtime does, where some motions have no texts; in fixed point nearly."""
    config = imported.checkpoint.model.config
    arrays = example_inputs(config, np.random.default_rng(0), batch=3, frames=30, texts=2)
    arrays["text_spans"][2] = 0
    wanted = imported.engine(arrays)
    for name, ours in libgenmo.items():
        answered, off = ours(arrays), 2e-2 if name == "i16" else 2e-5
        for output, expected in wanted.items():
            np.testing.assert_allclose(answered[output], expected, atol=off * max(np.abs(expected).max(), 1))


def test_every_subset_of_conditions_and_batches(imported):
    """All there, none there, and two samples in one batch that do not meet."""
    pairs = [asked(imported, 20, ((0, 9), (9, 20)), seed) for seed in (1, 2)]
    cases, arrays = zip(*pairs, strict=True)
    for c, inputs, present in zip(cases, arrays, (1.0, 0.0), strict=True):
        c |= {name: torch.full((20,), present) for name in c if name.endswith("_exists")}
        inputs |= {f"{n}_mask": np.full((1, 20), present, np.float32) for n in ("bounding_box", "camera", "video")}
        inputs |= {n: np.full((1, 20), present, np.float32) for n in ("music_mask",) if n in inputs}
    together = imported.engine({name: np.concatenate([a[name] for a in arrays]) for name in arrays[0]})
    for index, c in enumerate(cases):
        wanted = {name: tensor.numpy() for name, tensor in reference(imported.state, imported.family, c).items()}
        assert_same({name: array[index] for name, array in together.items()}, wanted, f"sample {index}")


@pytest.mark.parametrize(
    ("frames", "batch", "texts", "silent"), [(1, 1, 1, 0), (120, 1, 2, 0), (181, 3, 1, 1), (181, 2, 2, 2)]
)
def test_some_of_a_batch_have_no_texts(imported, frames, batch, texts, silent):
    denoiser = imported.checkpoint.model.denoiser
    arrays = example_inputs(denoiser.config, np.random.default_rng(0), batch=batch, frames=frames, texts=texts)
    arrays["text_spans"][batch - silent :] = 0
    ours, theirs = imported.engine(arrays), ask(denoiser, arrays)
    assert set(ours) == set(theirs)
    for name, wanted in theirs.items():  # what these noises come to is up to hundreds
        np.testing.assert_allclose(ours[name], wanted, atol=1e-5 * max(np.abs(wanted).max(), 1), err_msg=name)


def test_the_sampler_runs_on_both(imported):
    """Estimation, and five guided steps to the same motion in torch and in the engine."""
    arrays = asked(imported, 40, [(0, 25)])[1]
    conditions = {name: array for name, array in arrays.items() if name not in ("x_t", "timestep")}
    ours, theirs = functools.partial(ask, imported.checkpoint.model.denoiser), imported.engine
    one, other = (estimate(denoiser, conditions, (1, 40, 151))["x_0"] for denoiser in (ours, theirs))
    np.testing.assert_allclose(one, other, atol=TOLERANCE)
    one, other = (generate(denoiser, conditions, arrays["x_t"], 5, 2.5)["x_0"] for denoiser in (ours, theirs))
    np.testing.assert_allclose(one, other, atol=1e-3)
    motion = decode(one[0] * imported.checkpoint.normalisation.std.numpy(), LAYOUT)
    assert motion.frames == 40 and np.isfinite(motion.joints_world()).all()


def test_without_guidances_texts_a_gap_stays_a_gap(imported):
    """The half without texts: null texts in the same spans, as the released sampler asks; in torch and engine."""
    if imported.family == "gvhmr":
        pytest.skip("GVHMR knows no texts")
    c, arrays = asked(imported, 60, [(0, 20), (40, 60)])
    conventions = imported.checkpoint.model.config.conventions
    halves = _with_and_without({**arrays, "x_t": arrays["x_t"]}, conventions)
    without = {name: array[1:] for name, array in halves.items()} | {"timestep": arrays["timestep"]}
    c["texts"] = [(torch.zeros_like(text), *span) for text, *span in c["texts"]]
    c["music_exists"] = torch.zeros_like(c["music_exists"])
    wanted = {name: tensor.numpy() for name, tensor in reference(imported.state, "gem", c).items()}
    assert_same(ask(imported.checkpoint.model.denoiser, without), wanted, "torch")
    assert_same(imported.engine(without), wanted, "engine")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    if not (SHARED / "gem_tiny.ckpt").is_file():
        pytest.skip("the public network's answers are not beside this checkout (shared/data/gem)")
    folder = tmp_path_factory.mktemp("shared")
    (folder / "units.json").write_text(json.dumps({"mean": [0.0] * 151, "std": [1.0] * 151}))
    checkpoint = convert(SHARED / "gem_tiny.ckpt", folder / "units.json", "up")
    engine = frozen(checkpoint, folder)
    with np.load(SHARED / "gem_tiny_cases.npz") as stored:
        return checkpoint, engine, {name: stored[name] for name in stored.files}


def public_case(stored, name):
    c = {key.split("/")[1]: torch.from_numpy(array) for key, array in stored.items() if key.startswith(f"{name}/")}
    texts = [(text.float(), *span.tolist()) for text, span in zip(c["text"], c["windows"], strict=True) if text.any()]
    names = {"box": "f_cliffcam", "turn": "f_cam_angvel", "video": "f_imgseq", "music": "encoded_music"}
    ours = {"obs": c["obs"], "box": c["cliffcam"], "turn": c["cam_angvel"], "video": c["imgseq"], "music": c["music"]}
    ours |= {f"{short}_exists": c[f"exists_{long}"] for short, long in names.items()} | {"x_t": c["x_t"]}
    ours = {key: tensor[0].float() for key, tensor in ours.items()}
    return ours | {"timestep": int(c["timestep"]), "texts": texts}, c


def test_the_public_networks_answers(shared):
    """All eleven cases, in torch and in the engine; and this file's reference is that network too."""
    checkpoint, engine, stored = shared
    names = sorted({key.split("/")[0] for key in stored})
    assert len(names) == 11
    state = torch.load(SHARED / "gem_tiny.ckpt", weights_only=True)["state_dict"]
    for name in names:
        c, public = public_case(stored, name)
        arrays = signature_inputs(c, 1024)
        outputs = {"x_0": "pred_x", "weak_perspective": "pred_cam", "contact_logits": "static_conf_logits"}
        wanted = {ours: public[theirs][0].numpy() for ours, theirs in outputs.items()}
        assert_same(ask(checkpoint.model.denoiser, arrays), wanted, f"torch, {name}")
        assert_same(engine(arrays), wanted, f"engine, {name}")
        if len(c["x_t"]) <= 121:
            slow = {key: tensor.numpy() for key, tensor in reference(state, "gem", c).items()}
            assert_same(slow, wanted, f"reference, {name}")


def sized(family, **sizes):
    """A Source of shapes alone."""
    stored = {
        name: StoredTensor(Storage("0", torch.float32, 0), 0, shape, shape)
        for name, shape in shapes(family, **sizes).items()
    }
    return Source(SimpleNamespace(path=Path("released.ckpt")), stored)


@pytest.mark.parametrize(("width", "depth"), [(512, 12), (1024, 16)])
def test_sizes_come_from_shapes(width, depth):
    sizes = {"width": width, "depth": depth, "hidden": 4 * width, "text": 1024, "video": 1024, "music": 35}
    config = infer_config(sized("gem", **sizes, rows=5000), "gem")
    assert (config.width, config.depth, config.mlp_width, config.heads) == (width, depth, 4 * width, 8)
    assert (config.layout, config.block_order, config.window) == ("gem", "public", 120)
    assert (config.text_width, config.text_tokens, config.video_width, config.music_width) == (1024, 50, 1024, 35)
    config = infer_config(sized("gvhmr", **sizes), "gvhmr")
    assert (config.width, config.depth, config.music_width) == (width, depth, 0)


def test_a_model_without_music_or_speech(tmp_path, statistics):
    state = released("gem", music=0)
    state = {name: tensor for name, tensor in state.items() if "encoded_audio" not in name}
    checkpoint = convert(save(tmp_path, state), statistics, "up")
    assert checkpoint.model.config.music_width == 0
    assert "conditions.keypoints.fuse.2.bias" in checkpoint.model.denoiser.state_dict()
    same = checkpoint.model.denoiser.conditions.keypoints.fuse[2].bias
    assert torch.equal(same, state["embed_noisyobs.fc2.bias"])


def test_what_it_came_from_is_noted(tmp_path, statistics):
    state = released("gem") | {"audio_encoder.0.conv.weight": torch.ones(3), "smplx.betas": torch.ones(1)}
    checkpoint = convert(save(tmp_path, state), statistics, "up")
    source = checkpoint.provenance["source"]
    assert source["family"] == "gem" and source["left_out"] == ["audio_encoder", "smplx"]
    assert source["file"] == "released.ckpt" and len(source["sha256"]) == 64
    assert json.loads(json.dumps(checkpoint.provenance)) == checkpoint.provenance


def test_half_precision_and_bare_state_dicts_are_read(tmp_path, statistics):
    state = {name: tensor.half() for name, tensor in released("gem").items()}
    torch.save(state, tmp_path / "bare.ckpt")
    weights = convert(tmp_path / "bare.ckpt", statistics, "up").model.state_dict()
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}


def changed(name, **how):
    """A state dict with one tensor renamed, dropped, filled or reshaped."""

    def change(state):
        tensor = state.pop(name)
        if "to" in how:
            state[how["to"]] = tensor
        if "fill" in how:
            state[name] = tensor.clone()
            state[name].view(-1)[-1] = how["fill"]
        if "shape" in how:
            state[name] = torch.zeros(how["shape"])
        if "kind" in how:
            state[name] = tensor.to(how["kind"])
        return state

    return change


N = NETWORK["gem"]
BAD = {
    "renamed": (changed(f"{N}blocks.1.attn.proj.weight", to=f"{N}blocks.1.attn.out.weight"), "it has pipeline"),
    "missing gate": (changed(f"{N}text_encoder_layers.0.gate_cross_attn"), "has no tensor"),
    "missing embedder": (changed("music_embedder.fc2.bias"), "has no tensor music_embedder.fc2.bias"),
    "missing flag": (changed("cond_exists_embedder.f_imgseq.2.weight"), "has no tensor cond_exists_embedder.f_imgseq"),
    "missing text": (changed(f"{N}embed_text.weight"), f"has no tensor {N}embed_text.weight"),
    "NaN": (changed(f"{N}blocks.0.mlp.fc1.weight", fill=torch.nan), "holds NaN"),
    "infinity": (changed("learned_pos_params", fill=-torch.inf), "holds NaN, infinity"),
    "whole numbers": (changed("learned_pos_linear.bias", kind=torch.int64), "no fractions"),
    "wrong shape": (changed("imgseq_embedder.0.bias", shape=(VIDEO + 1,)), f"is [{VIDEO + 1}]; wanted [{VIDEO}]"),
    "wrong rank": (changed(f"{N}blocks.0.norm1.weight", shape=(2, WIDTH)), "wanted 1 axes"),
    "odd width": (changed(f"{N}blocks.0.norm1.weight", shape=(WIDTH + 1,)), "make no network"),
    "layout of SOMA": (changed(f"{N}final_layer.fc2.weight", shape=(585, WIDTH)), "585 numbers a frame, not 151"),
    "a lost block": (lambda s: {k: v for k, v in s.items() if "blocks.0." not in k}, "not numbered 0 to 0"),
    "a lost text block": (
        lambda s: {k: v for k, v in s.items() if "text_encoder_layers.1." not in k}, "has no tensor"),
    "more in the network": (lambda s: s | {f"{N}embed_depth.weight": torch.ones(1)}, "1 more tensors"),
    "another condition": (lambda s: s | {"cond_exists_embedder.f_depth.0.bias": torch.ones(1)}, "1 more tensors"),
    "few timesteps": (changed(f"{N}sequence_pos_encoder.pe", shape=(999, 1, WIDTH)), "has 999 rows"),
    "another model": (lambda s: {"model.layer.weight": torch.ones(2)}, "'model.layer.weight'"),
    "no tensors": (lambda s: {}, "it has none"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_state_dict_is_one_line(tmp_path, statistics, name):
    spoil, message = BAD[name]
    path = save(tmp_path, spoil(released("gem")))
    with pytest.raises(InputError) as caught:
        convert(path, statistics)
    text = str(caught.value)
    assert message in text and text.startswith(str(path)) and "wanted" in text and "\n" not in text


def test_a_gvhmr_state_dict_that_lacks_something(tmp_path, statistics):
    state = released("gvhmr")
    del state["pipeline.denoiser3d.cliffcam_embedder.3.bias"]
    with pytest.raises(InputError, match=r"has no tensor pipeline\.denoiser3d\.cliffcam_embedder\.3\.bias"):
        convert(save(tmp_path, state), statistics)


def test_statistics_are_asked_for(tmp_path):
    with pytest.raises(InputError, match="wanted --statistics FILE"):
        convert(save(tmp_path, released("gem")), None)


@pytest.mark.parametrize("family", ["gem", "gvhmr"])
def test_gravity_is_measured_and_turned_up(tmp_path, statistics, family):
    """The same motion: both gravity-view frames hold it, half a turn about z apart."""
    path = save(tmp_path, released(family))
    measured, up = convert(path, statistics), convert(path, statistics, "up")
    assert measured.provenance["gravity_view_y"]["was"] == "down"
    assert measured.provenance["gravity_view_y"]["mean_cosine"] < -0.9
    arrays = signature_inputs(case(5, music=family == "gem"), up.model.config.text_width)
    part = LAYOUT.slices["gravity_view_orientation"]
    turned = arrays | {"x_t": arrays["x_t"].copy()}
    turned["x_t"][..., part] *= -1
    theirs = up.normalisation.undo(torch.from_numpy(ask(up.model.denoiser, arrays)["x_0"][0])).numpy()
    ours = measured.normalisation.undo(torch.from_numpy(ask(measured.model.denoiser, turned)["x_0"][0])).numpy()
    motion, other = decode(ours, LAYOUT), decode(theirs, LAYOUT)
    half_turn = np.diag([-1.0, -1.0, 1.0])
    np.testing.assert_allclose(motion.rotations[:, 0], half_turn @ other.rotations[:, 0], atol=1e-5)
    np.testing.assert_allclose(motion.rotations[:, 1:], other.rotations[:, 1:], atol=1e-6)
    assert motion.rotations[:, 0, 1, 1].min() > 0.9, "stands upright, y up"


def test_what_does_not_stand_is_asked_about(tmp_path):
    path, lying = save(tmp_path, released("gem")), tmp_path / "s.json"
    mean = torch.zeros(151)
    mean[LAYOUT.slices["gravity_view_orientation"]] = 30 * torch.tensor([1.0, 0, 0, 0, 0, 1])
    lying.write_text(json.dumps({"mean": mean.tolist(), "std": [1.0] * 151}))
    with pytest.raises(InputError, match="does not stand upright"):
        convert(path, lying)
    assert convert(path, lying, "down").provenance["gravity_view_y"]["was"] == "down"
    with pytest.raises(InputError, match="gravity is 'left'; wanted one of up, down"):
        convert(path, lying, "left")


def test_the_command_exports_released_weights(tmp_path, statistics, monkeypatch):
    """From the file to an engine that loads, with a parity report inside the gate."""
    path = save(tmp_path, released("gem"))
    for name in ("load_checkpoint", "open_checkpoint"):
        monkeypatch.setattr(
            pipeline, name, lambda file, *_: released_weights.open_checkpoint(file, statistics), raising=False
        )
    monkeypatch.setattr(pipeline, "parity", functools.partial(pipeline.parity, lengths=(1, 121)))
    engine = load_engine(pipeline.export(ExportOptions(path, tmp_path / "engine", "as the weights")))
    assert engine.config.layout == "gem" and engine.text_encoder is None
    assert engine.description["provenance"]["source"]["family"] == "gem"
    assert engine.mean[LAYOUT.slices["gravity_view_orientation"]][4] == 30, "y up"
    estimates_are_in_front_of_the_camera(engine.folder, tmp_path)


def estimates_are_in_front_of_the_camera(engine, folder):
    """`genmo-run` with the engine, without and with a body file: the root has a depth, and betas stay SMPL-X's."""
    random = np.random.default_rng(0)
    points = np.concatenate([random.uniform(200, 400, (30, 17, 2)), np.ones((30, 17, 1))], axis=-1)
    np.savez(folder / "keypoints.npz", keypoints=points, image_size=[640, 480])
    vertices = random.normal(size=(60, 3))
    regressor = np.eye(55, 60)
    body = {"v_template": vertices, "shapedirs": random.normal(0, 0.01, (60, 3, 20)), "J_regressor": regressor}
    np.savez(folder / "SMPLX_NEUTRAL.npz", joint2num=np.array([{"pelvis": 0}], object), **body)
    for name, options in (("plain", []), ("bodied", ["--body", str(folder / "SMPLX_NEUTRAL.npz")])):
        given = ["--engine", str(engine), "--keypoints", str(folder / "keypoints.npz"), "--threads", "1", *options]
        assert run_command([*given, "--out", str(folder / f"{name}.npz")]) == 0
    plain, bodied = (np.load(folder / f"{name}.npz") for name in ("plain", "bodied"))
    for stored in (plain, bodied):
        assert stored["joints_camera"][:, 0, 2].min() > 0.1 and not stored["camera_known"]
    assert not plain["betas"].any() and bodied["betas"][:10].any() and not bodied["genmo_betas"].any()
    np.testing.assert_allclose(plain["smplx_betas"], bodied["betas"][:10], atol=1e-5)
    rest = vertices[0] + body["shapedirs"][0, :, :10] @ bodied["betas"][:10]
    np.testing.assert_allclose(bodied["pelvis_offset"], rest, atol=1e-5)
    np.testing.assert_allclose(bodied["joints_world"][:, 0], bodied["trans"] + rest, atol=1e-5)


def test_folders_are_still_checkpoints(tiny_checkpoint):
    assert released_weights.open_checkpoint(tiny_checkpoint).model.config.layout == "genmo"
