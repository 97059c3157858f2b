"""The published evaluator: HumanML3D's features against their own inverse, weights read from files as published."""

import json
import pickle

import numpy as np
import pytest
import torch

from genmo.runtime.support.errors import InputError
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.store import Recording
from genmo.train.evaluation import humanml3d_features as h
from genmo.train.evaluation.guo_evaluator import CLASSES, Networks, read_evaluator


@pytest.fixture(scope="module")
def joints(request):
    motion = request.getfixturevalue("random_motion")(61, 3)
    return motion.joints_world()[:, :22]


def rotation_y(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def test_features_give_the_joints_back(joints):
    """Turning speed and ground speed integrated, local places turned back: the joints, but for where they started."""
    made = h.features(joints).astype(np.float64)
    assert made.shape == (60, 263)
    angle = np.concatenate([[0], np.cumsum(2 * made[:-1, 0])])
    path = np.zeros(3)
    found = []
    for frame in range(60):
        back = rotation_y(-angle[frame])
        if frame:
            path = path + back @ [made[frame - 1, 1], 0, made[frame - 1, 2]]
        local = np.concatenate([[[0, made[frame, 3], 0]], made[frame, 4:67].reshape(21, 3)])
        found.append(local @ back.T + path)
    found = np.array(found)
    wanted = joints[:60] - [0, joints[..., 1].min(), 0] - joints[0, 0] * [1, 0, 1]
    left, right = (q - q[0, 0] * [1, 0, 1] for q in (found, wanted))
    turn = np.linalg.lstsq(right.reshape(-1, 3), left.reshape(-1, 3), rcond=None)[0].T
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-4)  # one turn about y for the whole motion
    np.testing.assert_allclose(right @ turn.T, left, atol=1e-4)
    np.testing.assert_allclose(turn[1], [0, 1, 0], atol=1e-4)


def test_speeds_and_contacts(joints):
    """The joints' speeds have the lengths of the joints' steps; a foot is in contact where it moves < 4.5 cm."""
    made = h.features(joints)
    steps = np.linalg.norm(np.diff(joints, axis=0), axis=-1)
    np.testing.assert_allclose(np.linalg.norm(made[:, 193:259].reshape(60, 22, 3), axis=-1), steps, atol=1e-5)
    np.testing.assert_array_equal(made[:, 259:], steps[:, [7, 10, 8, 11]] ** 2 < 0.002)


def test_rotations_put_the_bones_where_they_are(joints):
    local = h.rotations_of(joints)
    np.testing.assert_allclose(local @ np.swapaxes(local, -1, -2), np.tile(np.eye(3), (61, 22, 1, 1)), atol=1e-9)
    lengths = h.lengths_of(joints[0])
    for chain in h.CHAINS:
        world = local[:, 0]
        for parent, joint in zip(chain, chain[1:], strict=False):
            world = world @ local[:, joint]
            bone = world @ h.DIRECTIONS[joint] * lengths[joint]
            np.testing.assert_allclose(bone, joints[:, joint] - joints[:, parent], atol=1e-6)


def test_the_published_heading_is_smoothed_as_scipy_does(joints):
    filters = pytest.importorskip("scipy.ndimage")
    across = joints[:, 1] - joints[:, 2] + joints[:, 17] - joints[:, 16]
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    forward = filters.gaussian_filter1d(np.cross([[0, 1, 0]], across), 20, axis=0, mode="nearest")
    wanted = forward / np.linalg.norm(forward, axis=-1, keepdims=True)
    np.testing.assert_allclose(h.published_heading(joints), wanted, atol=1e-9)


def test_another_skeleton_keeps_directions(joints):
    lengths = 1.3 * h.lengths_of(joints[0])
    np.testing.assert_allclose(h.on_skeleton(joints, lengths), 1.3 * joints, atol=1e-6)
    np.testing.assert_allclose(h.features(1.3 * joints, h.lengths_of(joints[0])), h.features(joints), atol=1e-4)
    with pytest.raises(InputError, match="1 frames at 20 fps"):
        h.features(joints[:1])


def test_opposite_directions_have_a_turn():
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    turn = h.turn_between(axes, -axes)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", turn, axes), -axes, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turn), 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, joints):
    """As published: a checkpoint with optimizers beside the encoders, statistics, glove, HumanML3D's example."""
    root = tmp_path_factory.mktemp("t2m")
    for name in ("text_mot_match/model", "Comp_v6_KLD01/meta", "glove", "new_joints"):
        (root / name).mkdir(parents=True)
    torch.manual_seed(0)
    networks = Networks()
    stored = {name: network.state_dict() for name, network in networks.named_children()}
    stored["text_encoder"]["hidden"] = torch.randn(2, 1, 512)
    torch.save({**stored, "epoch": 3, "opt_text_encoder": {"state": {}}}, root / "text_mot_match/model/finest.tar")
    rng = np.random.default_rng(0)
    np.save(root / "Comp_v6_KLD01/meta/mean.npy", rng.normal(size=263).astype(np.float32))
    np.save(root / "Comp_v6_KLD01/meta/std.npy", rng.uniform(0.5, 2, 263).astype(np.float32))
    words = ["unk", "sos", "eos", "walk", "man", "left"]
    np.save(root / "glove/our_vab_data.npy", rng.normal(size=(6, 300)))
    (root / "glove/our_vab_words.pkl").write_bytes(pickle.dumps(words))
    (root / "glove/our_vab_idx.pkl").write_bytes(pickle.dumps({word: i for i, word in enumerate(words)}))
    np.save(root / "new_joints/000021.npy", joints.astype(np.float32))
    (root / "tokens.json").write_text(json.dumps({"A man walks left!": "man/NOUN walk/VERB left/ADV quietly/ADV"}))
    return root


def clip_of(motion, **options):
    parts = (motion.rotations, motion.translation, motion.rest_offsets)
    return Recording("x", "s", ("he walks",), *(part.astype(np.float32) for part in parts), **options)


def test_motions_of_any_length_are_embedded_as_alone(folder, random_motion):
    evaluator = read_evaluator(folder)
    motions = [random_motion(frames, frames) for frames in (120, 40, 400)]
    together = evaluator.embed_motions(motions)
    assert together.shape == (3, 512) and len(evaluator.sha256) == 64
    for motion, row in zip(motions, together, strict=True):
        vectors = evaluator._movements(motion)
        assert len(vectors) % 4 == 0 and len(vectors) <= 196
        networks = evaluator.model
        padded = torch.zeros(1, 196, 259)
        padded[0, : len(vectors)] = torch.from_numpy(vectors)
        moved = networks.movement_encoder(padded)[:, : len(vectors) // 4]
        output, last = networks.motion_encoder.gru(
            networks.motion_encoder.input_emb(moved), networks.motion_encoder.hidden
        )
        alone = networks.motion_encoder.output_net(torch.cat([last[0], last[1]], dim=-1))
        np.testing.assert_allclose(alone.detach().numpy()[0], row, atol=1e-4)
    with pytest.raises(InputError, match="wants at least 9"):
        evaluator.embed_motions([random_motion(6, 0)])


def test_words_and_their_classes(folder):
    """Marks at both ends, unknown words without a class, a class of their own for words of direction and action."""
    evaluator = read_evaluator(folder)
    vectors, classes = evaluator._words("a man walks left")
    table = np.load(folder / "glove/our_vab_data.npy")
    np.testing.assert_allclose(vectors, table[[1, 4, 3, 5, 0, 2]], atol=1e-6)
    assert [CLASSES[row.argmax()] for row in classes] == ["OTHER", "NOUN", "Act_VIP", "Loc_VIP", "OTHER", "OTHER"]
    assert (classes.sum(axis=1) == 1).all()


def test_texts_are_embedded_as_alone_and_tokens_come_with_the_clips(folder, random_motion):
    clip = clip_of(random_motion(30, 0), extra={"tokens": ["he/PRON walk/VERB"]})
    evaluator = read_evaluator(folder, [clip])
    captions = ["he walks", "a man walks left"]
    together = evaluator.embed_texts(captions)
    for caption, row in zip(captions, together, strict=True):
        np.testing.assert_allclose(evaluator.embed_texts([caption])[0], row, atol=1e-5)
    with pytest.raises(InputError, match="caption 'she runs' has no parts of speech"):
        evaluator.embed_texts(["she runs"])


class Danger:
    def __reduce__(self):
        return print, ("run",)


BAD = {
    "two checkpoints": (lambda f: (f / "finest.tar").write_bytes(b""), "2 files finest.tar"),
    "no statistics": (lambda f: next(f.rglob("mean.npy")).unlink(), "0 files mean.npy"),
    "short statistics": (lambda f: np.save(next(f.rglob("mean.npy")), np.ones(251)), r"shape \(251,\)"),
    "no spread": (lambda f: np.save(next(f.rglob("std.npy")), np.zeros(263)), "numbers of 0 or less"),
    "a program for words": (
        lambda f: next(f.rglob("our_vab_words.pkl")).write_bytes(pickle.dumps(Danger())),
        "it names .builtins.print",
    ),
    "a dictionary for words": (
        lambda f: next(f.rglob("our_vab_words.pkl")).write_bytes(pickle.dumps({})),
        "wanted a plain list",
    ),
    "no unknown word": (
        lambda f: next(f.rglob("our_vab_words.pkl")).write_bytes(pickle.dumps(["sos", "eos"])),
        "has no 'unk'",
    ),
    "a program for weights": (lambda f: torch.save({"a": Danger()}, next(f.rglob("finest.tar"))), "refused"),
    "other weights": (
        lambda f: torch.save({"movement_encoder": {"x": torch.ones(2)}}, next(f.rglob("finest.tar"))),
        "movement_encoder .* is not that of",
    ),
    "no weights": (lambda f: torch.save({"a": torch.ones(2)}, next(f.rglob("finest.tar"))), "no tensors movement"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_folder_is_one_clear_line(folder, tmp_path, name, capsys):
    import shutil

    copy = tmp_path / "t2m"
    shutil.copytree(folder, copy)
    spoil, message = BAD[name]
    spoil(copy)
    with pytest.raises(InputError, match=message) as caught:
        read_evaluator(copy)
    assert "\n" not in str(caught.value) and "run" not in capsys.readouterr().out


def test_a_clip_of_a_plain_set_has_no_tokens(folder, random_motion):
    motion = random_motion(30, 0)
    parts = (motion.rotations, motion.translation, motion.rest_offsets)
    evaluator = read_evaluator(folder, [Clip("x", "s", ("he walks",), *parts)])
    with pytest.raises(InputError, match="no parts of speech"):
        evaluator.embed_texts(["he walks"])
