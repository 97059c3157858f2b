"""Released weights become a checkpoint of ours: GEM-SMPL (`gem_smpl.ckpt`) and GVHMR state dicts.

Names and shapes are checked one by one while they are read, sizes are inferred from them, and what is constant is
folded: gates into the matrices before them (exactly: g (W x + b) = (g W) x + g b), the speech condition, which has no
place in the signature and is always absent, into a bias.

Two things are not in those files.  The statistics that turn the network's numbers into rotations come from a file of
the user's (`genmo.export.released_statistics`).  And whether y of the gravity-view frame points up, as here, or down,
as in GVHMR, is measured: the network's answer to no condition at all is the mean motion, whose root stands upright.
Turning a frame with y down half round its z axis negates both stored rows of a rotation, so the change of convention is
a change of sign in the last matrix, the first, and the means.
"""

from __future__ import annotations

import difflib
from pathlib import Path

import torch
from torch import Tensor

from genmo.export.released_statistics import WANTED as WANTED_STATISTICS
from genmo.export.released_statistics import read_statistics
from genmo.runtime.denoiser import schedule
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import inputs
from genmo.runtime.engine.graphs import file_hash
from genmo.runtime.motion.layout import LAYOUTS
from genmo.runtime.motion.skeleton import COCO_COUNT
from genmo.runtime.support.errors import EngineError, InputError
from genmo.train.network.checkpoint import Checkpoint, Model, load_checkpoint
from genmo.train.network.denoiser import JOINT_WIDTH, Denoiser
from genmo.train.network.gem import TURN_WIDTH
from genmo.train.network.normalisation import Normalisation
from genmo.train.network.safe_unpickle import Archive, StoredTensor

HEADS = 8
"""attention heads of all released sizes; the one number that no shape tells"""
TEXT_TOKENS = 50
LAYOUT = LAYOUTS["gem"]
GEM, GVHMR = "pipeline.denoiser3d.denoiser.", "pipeline.denoiser3d."
"""what the names of the two families' networks start with"""
WANTED = "wanted the state dict of GEM-SMPL (gem_smpl.ckpt) or GVHMR"
SPEECH = "encoded_audio"
FLAG_NAMES = {"bounding_box": "f_cliffcam", "camera": "f_cam_angvel", "video": "f_imgseq", "music": "encoded_music"}
GRAVITIES = ("up", "down")
UPRIGHT = 0.5
"""cosine between the mean root's y axis and gravity from which on the convention is certain"""

Weights = dict[str, Tensor]


class Source:
    """The tensors of a state dict, taken by name and shape; remembers what was taken."""

    def __init__(self, archive: Archive, stored: dict[str, StoredTensor]) -> None:
        self.archive, self.stored = archive, stored
        self.left = set(stored)

    def shape(self, name: str, axes: int) -> tuple[int, ...]:
        """The shape of a tensor of so many axes; raises InputError when there is none."""
        found = self._find(name).shape
        if len(found) != axes:
            raise InputError(f"{self.archive.path}: {name} is {list(found)}; wanted {axes} axes: {WANTED}")
        return found

    def take(self, name: str, *shape: int) -> Tensor:
        """The tensor in float32.  Raises InputError when it is missing, of another shape, or not finite numbers."""
        stored = self._find(name)
        if stored.shape != shape:
            raise InputError(f"{self.archive.path}: {name} is {list(stored.shape)}; wanted {list(shape)}: {WANTED}")
        tensor = self.archive.tensor(stored)
        if not tensor.is_floating_point() or not tensor.isfinite().all():
            raise InputError(f"{self.archive.path}: {name} holds NaN, infinity or no fractions; wanted finite weights")
        self.left.discard(name)
        return tensor.float()

    def pair(self, name: str, *shape: int) -> tuple[Tensor, Tensor]:
        """`name.weight` of the shape and `name.bias` of its first axis."""
        return self.take(f"{name}.weight", *shape), self.take(f"{name}.bias", shape[0])

    def _find(self, name: str) -> StoredTensor:
        if name not in self.stored:
            close = difflib.get_close_matches(name, sorted(self.left), 1, 0.8)
            hint = f", it has {close[0]}" if close else ""
            raise InputError(f"{self.archive.path}: has no tensor {name}{hint}; {WANTED}")
        return self.stored[name]


def read_state_dict(archive: Archive) -> Source:
    """The tensors of an opened checkpoint: under `state_dict`, as trainers save it, or all of it."""
    content = archive.content
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict):
        raise InputError(f"{archive.path}: holds no state dict; {WANTED}")
    stored = {name: value for name, value in content.items() if isinstance(name, str) and name.isprintable()}
    stored = {name: value for name, value in stored.items() if isinstance(value, StoredTensor)}
    return Source(archive, stored)


def family_of(source: Source) -> str:
    """Whose network it is: "gem" or "gvhmr".  Raises InputError for any other state dict."""
    for family, prefix in (("gem", GEM), ("gvhmr", GVHMR)):
        if any(name.startswith(f"{prefix}blocks.") for name in source.stored):
            return family
    some = f"its first is {min(source.stored)[:80]!r}" if source.stored else "it has none"
    raise InputError(f"{source.archive.path}: no tensor is named {GEM}blocks.* or {GVHMR}blocks.*, {some}; {WANTED}")


def infer_config(source: Source, family: str) -> ModelConfig:
    """Sizes from shapes.  Raises InputError when they contradict each other or the layout."""
    network, path = _network(family), source.archive.path
    outside = "" if family == "gem" else network
    start = f"{network}blocks."
    numbers = {name.removeprefix(start).split(".")[0] for name in source.stored if name.startswith(start)}
    depth = len(numbers)
    if numbers != {str(index) for index in range(depth)}:
        raise InputError(f"{path}: its blocks are not numbered 0 to {depth - 1}; {WANTED}")
    (width,) = source.shape(f"{start}0.norm1.weight", 1)
    features, _ = source.shape(f"{network}final_layer.fc2.weight", 2)
    if features != LAYOUT.width:
        raise InputError(
            f"{path}: its motion has {features} numbers a frame, not {LAYOUT.width}: another layout; {WANTED}"
        )
    text = f"{network}embed_text.weight"
    has_music = "music_embedder.fc1.weight" in source.stored
    try:
        return ModelConfig(
            width=width,
            depth=depth,
            heads=HEADS,
            mlp_width=source.shape(f"{start}0.mlp.fc1.weight", 2)[0],
            layout=LAYOUT.name,
            block_order="public",
            text_width=source.shape(text, 2)[1] if family == "gem" else ModelConfig.text_width,
            text_tokens=TEXT_TOKENS,
            video_width=source.shape(f"{outside}imgseq_embedder.1.weight", 2)[1],
            music_width=source.shape("music_embedder.fc1.weight", 2)[1] if has_music else 0,
        )
    except EngineError as error:
        raise InputError(f"{path}: its shapes make no network ({error}); {WANTED}") from None


def _network(family: str) -> str:
    return GEM if family == "gem" else GVHMR


def convert_weights(source: Source, family: str, config: ModelConfig) -> Weights:
    """The state dict of our network from the released names; see the module's first lines for what is folded."""
    network, width = _network(family), config.width
    outside = "" if family == "gem" else network
    weights = _conditions(source, outside, config, flags=family == "gem")
    for index in range(config.depth):
        weights |= _rope_block(source, f"{network}blocks.{index}", f"rope_blocks.{index}", config)
        if family == "gem":
            name = f"{network}text_encoder_layers.{index}"
            weights |= _text_block(source, name, f"text_blocks.{index}", config)
    for ours, theirs, size in (
        ("x_0.mlp", "final_layer", LAYOUT.width),
        ("weak_perspective.mlp", "pred_cam_head", dict(LAYOUT.heads)["weak_perspective"]),
        ("contact_logits", "static_conf_head", dict(LAYOUT.heads)["contact_logits"]),
    ):
        weights |= _mlp(source, f"{network}{theirs}", f"heads.{ours}", width, width, size)
    if family == "gem":
        weights |= _inputs(source, network, config)
    _refuse_leftovers(source, network)
    return weights


def _refuse_leftovers(source: Source, network: str) -> None:
    """Every weight of the network itself was used: one that was not means another network."""
    tables = {name for name in source.left if name.endswith("pos_encoder.pe")}
    more = sorted(name for name in source.left - tables if name.startswith((network, "cond_exists_embedder.")))
    if more:
        raise InputError(f"{source.archive.path}: has {len(more)} more tensors than the network, {more[0]}; {WANTED}")


def _named(name: str, pair: tuple[Tensor, Tensor]) -> Weights:
    return {f"{name}.weight": pair[0], f"{name}.bias": pair[1]}


def _gated(name: str, pair: tuple[Tensor, Tensor], gate: Tensor) -> Weights:
    """A linear layer whose outputs are multiplied by `gate`, any shape of as many numbers as it has outputs."""
    return {f"{name}.weight": pair[0] * gate.reshape(-1, 1), f"{name}.bias": pair[1] * gate.reshape(-1)}


def _mlp(source: Source, theirs: str, ours: str, *sizes: int) -> Weights:
    width_in, hidden, width_out = sizes
    first = _named(f"{ours}.0", source.pair(f"{theirs}.fc1", hidden, width_in))
    return first | _named(f"{ours}.2", source.pair(f"{theirs}.fc2", width_out, hidden))


def _silu_mlp(source: Source, theirs: str, ours: str, last: int, width_in: int, width: int) -> Weights:
    """`last`: their number of the second linear layer, which counts the dropout."""
    first = _named(f"{ours}.0", source.pair(f"{theirs}.0", width, width_in))
    return first | _named(f"{ours}.2", source.pair(f"{theirs}.{last}", width, width))


def _conditions(source: Source, outside: str, config: ModelConfig, flags: bool) -> Weights:
    width = config.width
    ours = "conditions"
    weights = _named(f"{ours}.keypoints.point", source.pair(f"{outside}learned_pos_linear", JOINT_WIDTH, 2))
    weights[f"{ours}.keypoints.unseen"] = source.take(f"{outside}learned_pos_params", COCO_COUNT, JOINT_WIDTH)
    joints = COCO_COUNT * JOINT_WIDTH
    weights |= _mlp(source, f"{outside}embed_noisyobs", f"{ours}.keypoints.fuse", joints, 2 * width, width)
    weights |= _silu_mlp(source, f"{outside}cliffcam_embedder", f"{ours}.embed.bounding_box", 3, 3, width)
    weights |= _silu_mlp(source, f"{outside}cam_angvel_embedder", f"{ours}.embed.camera", 3, TURN_WIDTH, width)
    video = f"{outside}imgseq_embedder"
    weights |= _named(f"{ours}.embed.video.0", source.pair(f"{video}.0", config.video_width))
    weights |= _named(f"{ours}.embed.video.1", source.pair(f"{video}.1", width, config.video_width))
    if config.music_width:
        weights |= _mlp(source, "music_embedder", f"{ours}.embed.music", config.music_width, 2 * width, width)
    if not flags:
        return weights
    for name, theirs in FLAG_NAMES.items():
        if name != "music" or config.music_width:
            flag = f"cond_exists_embedder.{theirs}"
            weights |= _silu_mlp(source, flag, f"{ours}.flagged.{name}", 2, width + 1, width)
    if f"cond_exists_embedder.{SPEECH}.0.weight" in source.stored:
        weights[f"{ours}.keypoints.fuse.2.bias"] += _absent(source, f"cond_exists_embedder.{SPEECH}", width)
    return weights


def _absent(source: Source, flag: str, width: int) -> Tensor:
    """What a condition that is never there adds to every frame: its flag's MLP of zeros."""
    layers = _silu_mlp(source, flag, "", 2, width + 1, width)
    return layers[".2.weight"] @ torch.nn.functional.silu(layers[".0.bias"]) + layers[".2.bias"]


def _rope_block(source: Source, theirs: str, ours: str, config: ModelConfig) -> Weights:
    width = config.width
    parts = [source.pair(f"{theirs}.attn.{part}", width, width) for part in ("query", "key", "value")]
    qkv = tuple(torch.cat(tensors) for tensors in zip(*parts, strict=True))
    weights = _named(f"{ours}.attention_norm", source.pair(f"{theirs}.norm1", width))
    weights |= {f"{ours}.attention.qkv.weight": qkv[0], f"{ours}.attention.qkv.bias": qkv[1]}
    out = source.pair(f"{theirs}.attn.proj", width, width)
    weights |= _gated(f"{ours}.attention.out", out, source.take(f"{theirs}.gate_msa", 1, 1, width))
    return weights | _gated_mlp(source, theirs, ours, "norm2", config)


def _text_block(source: Source, theirs: str, ours: str, config: ModelConfig) -> Weights:
    width = config.width
    weight = source.take(f"{theirs}.cross_attn.in_proj_weight", 3 * width, width)
    bias = source.take(f"{theirs}.cross_attn.in_proj_bias", 3 * width)
    weights = _named(f"{ours}.attention_norm", source.pair(f"{theirs}.norm2", width))
    weights |= _named(f"{ours}.attention.q", (weight[:width], bias[:width]))
    weights |= _named(f"{ours}.attention.kv", (weight[width:], bias[width:]))
    out = source.pair(f"{theirs}.cross_attn.out_proj", width, width)
    weights |= _gated(f"{ours}.attention.out", out, source.take(f"{theirs}.gate_cross_attn", 1, 1, width))
    return weights | _gated_mlp(source, theirs, ours, "norm3", config)


def _gated_mlp(source: Source, theirs: str, ours: str, norm: str, config: ModelConfig) -> Weights:
    width, hidden = config.width, config.mlp_width
    weights = _named(f"{ours}.mlp_norm", source.pair(f"{theirs}.{norm}", width))
    weights |= _named(f"{ours}.mlp.0", source.pair(f"{theirs}.mlp.fc1", hidden, width))
    out = source.pair(f"{theirs}.mlp.fc2", width, hidden)
    return weights | _gated(f"{ours}.mlp.2", out, source.take(f"{theirs}.gate_mlp", 1, 1, width))


def _inputs(source: Source, network: str, config: ModelConfig) -> Weights:
    """The matrix over [conditions, x_t] as two, the timestep's MLP and table, the text's projection."""
    width = config.width
    weight, bias = source.pair(f"{network}add_cond_linear", width, width + LAYOUT.width)
    table = f"{network}sequence_pos_encoder.pe"
    rows = source.shape(table, 3)[0]
    if rows < schedule.STEPS:
        raise InputError(f"{source.archive.path}: {table} has {rows} rows; wanted one a timestep, {schedule.STEPS}")
    weights = {
        "condition_in.weight": weight[:, :width],
        "condition_in.bias": bias,
        "motion_in.weight": weight[:, width:],
        "timestep_table": source.take(table, rows, 1, width)[: schedule.STEPS, 0],
    }
    weights |= _silu_mlp(source, f"{network}embed_timestep.time_embed", "time", 2, width, width)
    return weights | _named("text_in", source.pair(f"{network}embed_text", width, config.text_width))


@torch.no_grad()
def mean_upright(denoiser: Denoiser, normalisation: Normalisation) -> float:
    """Cosine between the y axes of root and gravity-view frame in the network's answer to no condition at all."""
    frames = denoiser.config.window
    sizes = {"batch": 1, "frames": frames, "texts": 1}
    dtypes = {"float32": torch.float32, "int64": torch.int64}
    silence = {s.name: torch.zeros(s.shape(**sizes), dtype=dtypes[s.dtype]) for s in inputs(denoiser.config)}
    silence["timestep"] += schedule.STEPS - 1
    features = denoiser(silence)["x_0"][0] * normalisation.std + normalisation.mean
    rows = features[:, LAYOUT.slices["gravity_view_orientation"]]
    # x, y, z of the first row, then of the second, which is the frame's y axis: its y is the cosine
    return float(torch.nn.functional.normalize(rows[:, 3:], dim=-1)[:, 1].mean())


@torch.no_grad()
def turn_gravity_up(denoiser: Denoiser, normalisation: Normalisation) -> Normalisation:
    """Changes the network, whose gravity-view frame has y down, to one with y up; the statistics that then belong."""
    sign = torch.ones(LAYOUT.width)
    sign[LAYOUT.slices["gravity_view_orientation"]] = -1
    last = denoiser.heads["x_0"].mlp[-1]
    last.weight *= sign[:, None]
    last.bias *= sign
    if isinstance(denoiser.motion_in, torch.nn.Linear):  # GVHMR has no x_t
        denoiser.motion_in.weight *= sign
    return Normalisation(normalisation.mean * sign, normalisation.std)


def _model(config: ModelConfig, family: str, weights: Weights) -> Model:
    model = Model(config, family)
    model.denoiser.load_state_dict({name: tensor.contiguous() for name, tensor in weights.items()})
    model.eval()
    return model


def convert(path: str | Path, statistics: str | Path | None, gravity: str | None = None) -> Checkpoint:
    """A released checkpoint as one of ours, ready for `genmo.export` and `save_checkpoint`.

    `statistics`: see `read_statistics`.  `gravity`: where y of its gravity-view frame points, "up" or "down"; None
    measures it.  Raises InputError, one line, for anything that is not a whole GEM-SMPL or GVHMR state dict of
    finite numbers.
    """
    path = Path(path)
    if gravity not in (None, *GRAVITIES):
        raise InputError(f"gravity is {gravity!r}; wanted one of {', '.join(GRAVITIES)}, or none to measure it")
    with Archive(path) as archive:
        source = read_state_dict(archive)
        family = family_of(source)
        config = infer_config(source, family)
        weights = convert_weights(source, family, config)
        left = sorted({name.split(".")[0] for name in source.left if not name.endswith("pos_encoder.pe")})
    if statistics is None:
        raise InputError(
            f"{path}: a state dict does not hold the statistics of its motion; wanted --statistics FILE: "
            f"{WANTED_STATISTICS.removeprefix('wanted ')}"
        )
    normalisation = read_statistics(statistics, family)
    model = _model(config, family, weights)
    measured = mean_upright(model.denoiser, normalisation)
    if gravity is None and abs(measured) < UPRIGHT:
        raise InputError(
            f"{path}: its mean motion does not stand upright (cosine {measured:.2f}), so the statistics may be of "
            "another network; wanted --statistics that belong to it, or --gravity up or down"
        )
    gravity = gravity or ("up" if measured > 0 else "down")
    if gravity == "down":
        normalisation = turn_gravity_up(model.denoiser, normalisation)
    provenance = {
        "source": {"file": path.name, "sha256": file_hash(path), "family": family, "left_out": left},
        "gravity_view_y": {"was": gravity, "mean_cosine": round(measured, 4)},
    }
    return Checkpoint(model, normalisation, provenance)


def open_checkpoint(path: str | Path, statistics: str | Path | None = None, gravity: str | None = None) -> Checkpoint:
    """What `genmo-export CHECKPOINT` is given: a folder of ours, or a file of released weights (see `convert`)."""
    return convert(path, statistics, gravity) if Path(path).is_file() else load_checkpoint(path)
