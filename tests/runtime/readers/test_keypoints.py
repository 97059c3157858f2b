"""Keypoint files written by hand in the published forms."""

import json

import numpy as np
import pytest

from genmo.runtime.conditions.keypoints import default_intrinsics
from genmo.runtime.readers import keypoints as keypoint_files
from genmo.runtime.readers.keypoint_layouts import COCO_NAMES, LAYOUTS
from genmo.runtime.readers.keypoints import read_people
from genmo.runtime.readers.keypoints_npz import read_keypoints
from genmo.runtime.support.errors import InputError

SIZE = (640.0, 480.0)


def body(at=0, size=1.0):
    """COCO-17 points [17, 3] of a made-up person who moves 5 pixels a frame."""
    rng = np.random.default_rng(3)
    points = np.concatenate(
        [size * rng.uniform(0, 1, (17, 2)) * [60, 150] + 100, rng.uniform(0.6, 0.9, (17, 1))], axis=1
    )
    points[:, 0] += 5 * at
    return points


def in_layout(points, count):
    """The points at their places among `count`; what COCO does not have is noise."""
    out = np.random.default_rng(0).uniform(1, 600, (count, 3))
    out[list(LAYOUTS[count][1])] = points
    return out


def flat(points):
    return [float(value) for value in points.reshape(-1)]


def write(path, document):
    path.write_text(json.dumps(document))
    return path


def expected(frames):
    return np.stack([body(at) for at in frames])


@pytest.mark.parametrize("count", [25, 18, 26])
def test_a_folder_of_openpose_frames(tmp_path, count):
    for at in range(4):
        people = [{"person_id": [-1], "pose_keypoints_2d": flat(in_layout(body(at), count)), "face_keypoints_2d": []}]
        document = {"version": 1.3, "people": [] if at == 2 else people}
        write(tmp_path / f"video_{at:012d}_keypoints.json", document)
    people = read_people(tmp_path, image_size=SIZE, fps=30)
    keypoints = people.keypoints()
    truth = expected(range(4))
    truth[2] = 0
    np.testing.assert_allclose(keypoints.points, truth)
    np.testing.assert_array_equal(keypoints.intrinsics, default_intrinsics(640, 480))
    assert people.first_frame == 0 and people.notes == () and keypoints.camera is None


def test_a_folder_counts_from_its_lowest_number_and_keeps_holes(tmp_path):
    for at in (1001, 1002, 1005):
        write(tmp_path / f"plate_{at}.json", {"people": [{"pose_keypoints_2d": flat(in_layout(body(at - 1001), 25))}]})
    people = read_people(tmp_path, image_size=SIZE, fps=30)
    points = people.keypoints().points
    assert people.first_frame == 1001 and people.frames == 5
    np.testing.assert_allclose(points[[0, 1, 4]], expected([0, 1, 4]))
    assert (points[2:4] == 0).all()


def test_a_folder_without_numbers_goes_by_name(tmp_path):
    for at, name in enumerate("abc"):
        write(tmp_path / f"{name}.json", {"people": [{"pose_keypoints": flat(in_layout(body(at), 25))}]})
    np.testing.assert_allclose(read_people(tmp_path, image_size=SIZE, fps=30).keypoints().points, expected(range(3)))


def test_openpose_in_one_file(tmp_path):
    frame = {"people": [{"pose_keypoints_2d": []}, {"pose_keypoints_2d": flat(in_layout(body(0), 25))}]}
    one = read_people(write(tmp_path / "one.json", frame), image_size=SIZE, fps=30)
    np.testing.assert_allclose(one.keypoints().points, expected([0]))
    frames = [{"people": [{"pose_keypoints_2d": flat(in_layout(body(at), 25))}]} for at in range(3)]
    many = read_people(write(tmp_path / "many.json", frames), image_size=SIZE, fps=30)
    np.testing.assert_allclose(many.keypoints().points, expected(range(3)))


def instance(points, **more):
    return {"keypoints": points[:, :2].tolist(), "keypoint_scores": points[:, 2].tolist(), **more}


@pytest.mark.parametrize("first", [0, 1])
def test_mmpose_predictions(tmp_path, first):
    frames = [
        {
            "frame_id": at + first,
            "instances": [instance(body(at), bbox=[[0, 0, 1, 1]], bbox_score=0.9)] if at != 1 else [],
        }
        for at in range(3)
    ]
    points = read_people(write(tmp_path / "x.json", frames), image_size=SIZE, fps=30).keypoints().points
    truth = expected(range(3))
    truth[1] = 0
    np.testing.assert_allclose(points, truth)


def test_mmpose_with_its_meta_information(tmp_path):
    """The names say the order: here that of a 20-point model."""
    names = ["head_top", "belly", "tail", *COCO_NAMES[::-1]]
    points = np.concatenate([np.full((3, 3), 7.0), body(0)[::-1]])
    meta = {"dataset_name": "mine", "keypoint_id2name": {str(index): name for index, name in enumerate(names)}}
    document = {"meta_info": meta, "instance_info": [{"frame_id": 1, "instances": [instance(points)]}]}
    people = read_people(write(tmp_path / "x.json", document), image_size=SIZE, fps=30)
    np.testing.assert_allclose(people.keypoints().points, expected([0]))
    del meta["keypoint_id2name"]["0"]
    with pytest.raises(InputError, match="not numbered from 0"):
        read_people(write(tmp_path / "x.json", document), image_size=SIZE)


def test_a_folder_of_mmpose_images(tmp_path):
    write(tmp_path / "img_0001.json", [instance(body(0))])
    write(tmp_path / "img_0002.json", [])
    points = read_people(tmp_path, image_size=SIZE, fps=30).keypoints().points
    np.testing.assert_allclose(points[0], body(0))
    assert (points[1] == 0).all() and len(points) == 2


def test_coco_results_have_no_entry_for_empty_frames(tmp_path):
    """Counted from 1, because there is no 0: frame 1 has nobody, and stays."""
    entries = [{"image_id": at, "category_id": 1, "keypoints": flat(body(at)), "score": 0.9} for at in (4, 2)]
    people = read_people(write(tmp_path / "x.json", entries), image_size=SIZE, fps=30)
    points = people.keypoints().points
    np.testing.assert_allclose(points[[1, 3]], expected([2, 4]))
    assert (points[[0, 2]] == 0).all() and len(points) == 4
    assert any("nobody in its first 1 frames" in note for note in people.notes)
    assert len(read_people(tmp_path / "x.json", image_size=SIZE, fps=30, first_frame=2).keypoints().points) == 3
    with pytest.raises(InputError, match="has a frame 2 before the first frame 3"):
        read_people(tmp_path / "x.json", image_size=SIZE, first_frame=3)


@pytest.mark.parametrize("count", [17, 26, 136])
def test_alphapose_names_images_and_people(tmp_path, count):
    entries = []
    for at in range(3):
        for idx, size in ((8, 0.5), ([3.0], 1.0)):
            points = flat(in_layout(body(at, size), count))
            entries.append({"image_id": f"{at}.jpg", "category_id": 1, "keypoints": points, "score": 3.1, "idx": idx})
    people = read_people(write(tmp_path / "alphapose-results.json", entries), image_size=SIZE, fps=30)
    assert people.ids == [3, 8]
    np.testing.assert_allclose(people.keypoints().points, expected(range(3)))
    np.testing.assert_allclose(people.keypoints(8).points, np.stack([body(at, 0.5) for at in range(3)]))
    with pytest.raises(InputError, match="no person 4; wanted one of 3, 8"):
        people.keypoints(4)


def mediapipe(frames, **more):
    """The document's form; x and y over width and height."""

    def landmarks(points):
        names = ("x", "y", "visibility")
        rows = in_layout(points, 33) / [640, 480, 1]
        return [dict(zip(names, map(float, row), strict=True)) | {"z": 0.1} for row in rows]

    entries = [{"pose_landmarks": [landmarks(points)] if points is not None else []} for points in frames]
    return {"image_width": 640, "image_height": 480, "fps": 30.0, "frames": entries} | more


def test_mediapipe_has_the_size_and_the_rate(tmp_path):
    path = write(tmp_path / "x.json", mediapipe([body(0), None, body(2)]))
    people = read_people(path)
    points = people.keypoints().points
    np.testing.assert_allclose(points[[0, 2]], expected([0, 2]))
    assert (points[1] == 0).all() and people.notes == ()
    np.testing.assert_array_equal(people.intrinsics, default_intrinsics(640, 480))


def test_rates_come_from_the_file_or_the_caller_or_are_guessed_aloud(tmp_path):
    path = write(tmp_path / "x.json", mediapipe([body(at) for at in range(50)], fps=25.0))
    assert len(read_people(path).keypoints().points) == 59  # 49/25 s
    assert len(read_people(path, fps=50).keypoints().points) == 30
    path = write(tmp_path / "x.json", mediapipe([body(at) for at in range(50)], fps=None))
    people = read_people(path)
    assert people.fps == 30 and "taken for 30 frames a second" in people.notes[0]


def test_a_moving_point_arrives_at_the_right_time(tmp_path):
    path = write(tmp_path / "x.json", mediapipe([body(at) for at in range(50)], fps=25.0))
    x = read_people(path).keypoints().points[:, 0, 0]
    np.testing.assert_allclose(x - x[0], 5 * 25 / 30 * np.arange(59))  # 125 pixels a second


def test_ours_is_read_as_before_and_at_other_rates(tmp_path):
    points = expected(range(26))
    np.savez(tmp_path / "x.npz", keypoints=points, image_size=np.array([640, 480]))
    ours, old = read_people(tmp_path / "x.npz").keypoints(), read_keypoints(tmp_path / "x.npz")
    np.testing.assert_array_equal(ours.points, old.points)
    np.testing.assert_array_equal(ours.intrinsics, old.intrinsics)
    np.savez(tmp_path / "x.npz", keypoints=points, image_size=np.array([640, 480]), fps=25.0)
    assert read_people(tmp_path / "x.npz").keypoints().frames == 31
    np.savez(tmp_path / "x.npz", keypoints=points, intrinsics=2 * np.eye(3))
    intrinsics = read_people(tmp_path / "x.npz", image_size=(100, 50)).intrinsics
    np.testing.assert_array_equal(intrinsics, default_intrinsics(100, 50))
    np.savez(tmp_path / "x.npz", keypoints=points, image_size=np.array([640, 480]), fps=np.array([25.0, 30.0]))
    with pytest.raises(InputError, match="fps has 2 values"):
        read_people(tmp_path / "x.npz")


def test_intrinsics_stand_in_for_the_image_size(tmp_path):
    path = write(tmp_path / "x.json", [{"image_id": 0, "keypoints": flat(body())}])
    with pytest.raises(InputError, match="does not say the size of the image.*give the image size"):
        read_people(path)
    matrix = np.array([[500.0, 0, 300], [0, 500, 200], [0, 0, 1]])
    np.testing.assert_array_equal(read_people(path, intrinsics=matrix).keypoints().intrinsics, matrix)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"what": 1}, "JSON of no known kind"),
        (7, "JSON of no known kind"),
        ([7], "JSON of no known kind"),
        ([], "nobody in 1 frames"),
        ({"people": [{"pose_keypoints_2d": [1, 2]}]}, "wanted x, y, confidence"),
        ({"people": [{"pose_keypoints_2d": [1.0] * 48}]}, "16 keypoints a person; wanted 17"),
        ({"people": 3}, "wanted a list of objects"),
        ([{"people": []}, 7], "wanted one object a frame"),
        ([{"frame_id": -1, "instances": []}], "frame_id is -1"),
        ([{"frame_id": 0, "instances": [{"keypoints": [[1, 2, 3]] * 17, "keypoint_scores": [1] * 17}]}], "save 2D"),
        ({"instance_info": []}, "no frames"),
        ({"instance_info": [], "meta_info": {"keypoint_id2name": {"0": 1}}}, "no table of names"),
        ([{"image_id": "walk.jpg", "keypoints": flat(body())}], "number of image_id 'walk.jpg' is None"),
        ([{"image_id": at, "keypoints": flat(body())} for at in (0, 10**9)], "frame numbers span 1000000001 frames"),
        (
            [{"image_id": at, "keypoints": flat((body(0) - [400, 400, 0]) / [320, 480, 1])} for at in range(2)],
            "wanted pixels",
        ),
        ([{"image_id": [1], "keypoints": flat(body())}], "wanted a number or a name"),
        ([{"image_id": name, "keypoints": flat(body())} for name in ("a/1.jpg", "b/1.jpg")], "two images of one frame"),
        (
            [{"people": [], "canvas_width": 512, "canvas_height": at} for at in (512, 768)],
            "images of 512 x 512 and 512 x 768 pixels",
        ),
        ({"images": [], "annotations": []}, "no images"),
        ({"images": [{"id": 1}], "annotations": [{"image_id": 2, "keypoints": flat(body())}]}, "in image 2"),
        ({"keypoints": [], "skeleton": {"0": "nose"}}, "no frames"),
        ({"keypoints": [{"0": flat(body())}], "skeleton": {"1": "nose"}}, "not numbered from 0"),
        ([{"keypoints": {"x": [1, 2], "y": [1]}}], "save 2D"),
        ([[{"x": 0.5, "y": 0.5}] * 5], "5 keypoints a person"),
        ({"frames": [], "image_width": 640}, "image size.*wanted"),
        ({"frames": [{}], "image_width": 640, "image_height": 480}, "frame 0 has no pose_landmarks"),
        ({"frames": [], "image_width": 640, "image_height": 480}, "no frames"),
        ({"frames": [{"pose_landmarks": [[]]}], "image_width": 640, "image_height": 480}, "wanted"),
        (mediapipe([body()], fps=0), "fps is 0"),
        (mediapipe([body()], image_width=-3), "image size is"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, document, says):
    path = write(tmp_path / "x.json", document)
    with pytest.raises(InputError, match=says) as caught:
        size = None if isinstance(document, dict) and "frames" in document else SIZE
        read_people(path, image_size=size).keypoints()
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_bad_options_and_folders(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="image size is"):
        read_people(tmp_path, image_size=(0, 480))
    with pytest.raises(InputError, match="fps is nan"):
        read_people(tmp_path, fps=float("nan"))
    with pytest.raises(InputError, match=r"0 \.json files"):
        read_people(tmp_path, image_size=SIZE)
    write(tmp_path / "0.json", mediapipe([body(), body()]))
    with pytest.raises(InputError, match="2 frames in a file of a folder"):
        read_people(tmp_path)
    monkeypatch.setattr(keypoint_files, "MAX_BYTES", 10)
    with pytest.raises(InputError, match=r"over 40 bytes of \.json files"):
        read_people(tmp_path)


def test_a_person_can_be_asked_for_where_there_is_nobody(tmp_path):
    path = write(tmp_path / "x.json", [{"people": []}] * 3)
    with pytest.raises(InputError, match="nobody in 3 frames"):
        read_people(path, image_size=SIZE).keypoints()


def of(path, document, **options):
    """The largest person's points of a document."""
    return read_people(write(path, document), fps=30, **options).keypoints().points


def test_the_frame_is_the_number_that_differs(tmp_path):
    """The resolution in each image's name is no frame number."""
    entries = [{"image_id": f"frame_{at:04d}_1080p.jpg", "keypoints": flat(body(at))} for at in range(4)]
    people = read_people(write(tmp_path / "x.json", entries), image_size=SIZE, fps=30)
    assert people.frames == 4 and people.notes == ()
    np.testing.assert_allclose(people.keypoints().points, expected(range(4)))


def test_numpys_image_size(tmp_path):
    path = write(tmp_path / "x.json", [{"image_id": 0, "keypoints": flat(body())}])
    people = read_people(path, image_size=(np.float64(640), np.int32(480)), fps=30)
    np.testing.assert_array_equal(people.intrinsics, default_intrinsics(640, 480))


def test_files_of_the_finder_are_passed_over(tmp_path):
    for at in range(2):
        write(
            tmp_path / f"v_{at:012d}_keypoints.json", {"people": [{"pose_keypoints_2d": flat(in_layout(body(at), 25))}]}
        )
    (tmp_path / "._v_000000000000_keypoints.json").write_bytes(b"\0\5\x16\7")
    (tmp_path / ".DS_Store.json").write_bytes(b"")
    np.testing.assert_allclose(read_people(tmp_path, image_size=SIZE, fps=30).keypoints().points, expected(range(2)))


@pytest.mark.parametrize("names", [("canvas_width", "canvas_height"), ("width", "height")])
@pytest.mark.parametrize("normalised", [False, True])
def test_controlnets_canvas_is_the_image(tmp_path, names, normalised):
    """ControlNet, DWPose and ComfyUI write it; their other form is in parts of it.  A person may have no body."""
    divided = [*SIZE, 1] if normalised else 1
    frames = [
        {
            "people": [
                {"pose_keypoints_2d": flat(in_layout(body(at), 18) / divided), "face_keypoints_2d": None},
                {"pose_keypoints_2d": None, "hand_left_keypoints_2d": [1.0, 2.0, 1.0]},
            ],
            **dict(zip(names, SIZE, strict=True)),
        }
        for at in range(3)
    ]
    people = read_people(write(tmp_path / "poses.json", frames), fps=30)
    np.testing.assert_allclose(people.keypoints().points, expected(range(3)))
    np.testing.assert_array_equal(people.intrinsics, default_intrinsics(*SIZE))
    assert len(people.notes) == normalised and all(
        "taken for parts of an image of 640 x 480" in n for n in people.notes
    )
    folder = tmp_path / "frames"
    folder.mkdir()
    for at, frame in enumerate(frames):
        write(folder / f"{at}.json", frame)
    np.testing.assert_allclose(read_people(folder, fps=30).keypoints().points, expected(range(3)))


def test_what_is_not_a_number_was_not_seen(tmp_path):
    points = body()
    points[3], points[5, 0], points[7, 2] = np.nan, np.nan, np.nan
    expected = body()
    expected[[3, 5, 7]] = 0
    entry = [{"image_id": 0, "keypoints": flat(points)}]
    np.testing.assert_allclose(of(tmp_path / "nan.json", entry, image_size=SIZE)[0], expected)
    entry[0]["keypoints"] = [None if np.isnan(value) else value for value in entry[0]["keypoints"]]
    np.testing.assert_allclose(of(tmp_path / "null.json", entry, image_size=SIZE)[0], expected)
    np.savez(tmp_path / "x.npz", keypoints=points[None], image_size=np.array(SIZE))
    np.testing.assert_allclose(read_people(tmp_path / "x.npz").keypoints().points[0], expected)
    (tmp_path / "inf.json").write_text(json.dumps(entry).replace("null", "Infinity", 1))
    with pytest.raises(InputError, match="Infinity"):
        read_people(tmp_path / "inf.json", image_size=SIZE)


@pytest.mark.parametrize("form", ["cmu", "open"])
def test_alphapose_by_image(tmp_path, form):
    """`--format cmu` and `--format open`: an object a picture, 18 points."""
    document = {}
    for at in (2, 0, 1):
        points = flat(in_layout(body(at), 18))
        people = {"bodies": [{"joints": points}]} if form == "cmu" else {"people": [{"pose_keypoints_2d": points}]}
        document[f"walk_{at:02d}_720p.jpg"] = {"version": "AlphaPose v0.3", **people}
    np.testing.assert_allclose(of(tmp_path / "x.json", document, image_size=SIZE), expected(range(3)))


def test_coco_ground_truth(tmp_path):
    """Frames by file name, sizes of the images, hidden points count, names of the category; images without people."""
    names = ["neck", *COCO_NAMES]
    images = [{"id": 70 + at, "file_name": f"take2/f_{3 - at}.jpg", "width": 640, "height": 480} for at in range(3)]
    annotations = []
    for at in (0, 2):
        points = np.concatenate([[[1, 1, 2]], body(3 - at)])
        points[:, 2] = 1 + np.arange(18) % 2
        annotations.append({"image_id": 70 + at, "keypoints": flat(points), "num_keypoints": 17, "id": at})
    annotations.append({"image_id": 71, "keypoints": [0] * 54, "num_keypoints": 0, "id": 9})
    document = {"images": images, "annotations": annotations, "categories": [{"keypoints": names}]}
    people = read_people(write(tmp_path / "x.json", document), fps=30)
    points = people.keypoints().points
    np.testing.assert_allclose(points[[0, 2], :, :2], expected([1, 3])[..., :2])
    assert (points[[0, 2], :, 2] == 1).all() and (points[1] == 0).all() and people.first_frame == 1
    np.testing.assert_array_equal(people.intrinsics, default_intrinsics(640, 480))


def test_ultralytics(tmp_path):
    """A list of detections an image, with things that are no people among them; a list of lists, or a folder."""
    images = []
    for at in range(3):
        x, y, visible = body(at).T.tolist()
        person = {"name": "person", "class": 0, "track_id": 4, "keypoints": {"x": x, "y": y, "visible": visible}}
        images.append([{"name": "dog", "class": 16, "box": {"x1": 1}}, person] if at != 1 else [])
    truth = expected(range(3))
    truth[1] = 0
    np.testing.assert_allclose(of(tmp_path / "x.json", images, image_size=SIZE), truth)
    folder = tmp_path / "frames"
    folder.mkdir()
    for at, image in enumerate(images):
        write(folder / f"clip_{at}.json", image)
    people = read_people(folder, image_size=SIZE, fps=30)
    assert people.ids == [4]
    np.testing.assert_allclose(people.keypoints().points, truth)


def test_vitpose(tmp_path):
    """As Transformers' post-processing gives it, and as easy_ViTPose saves it: rows before columns, people by id."""
    images = [
        [{"keypoints": body(at)[:, :2].tolist(), "scores": body(at)[:, 2].tolist(), "labels": list(range(17))}]
        for at in range(3)
    ]
    np.testing.assert_allclose(of(tmp_path / "x.json", images, image_size=SIZE), expected(range(3)))
    names = [*COCO_NAMES[:5], "neck", *COCO_NAMES[5:]]
    points = [np.insert(body(at), 5, [9, 9, 1], axis=0)[:, [1, 0, 2]].tolist() for at in range(3)]
    document = {
        "keypoints": [{"1": points[0], "2": points[0]}, {}, {"1": points[2]}],
        "skeleton": {str(number): name for number, name in enumerate(names)},
    }
    people = read_people(write(tmp_path / "easy.json", document), image_size=SIZE, fps=30)
    assert sorted(people.ids) == [1, 2]
    np.testing.assert_allclose(people.keypoints(1).points[[0, 2]], expected([0, 2]))
    assert (people.keypoints(1).points[1] == 0).all()


def test_mediapipes_landmarks_as_they_come(tmp_path):
    """One person's `poseLandmarks`, the Tasks' `landmarks`, bare lists, a protocol buffer; the size must be told."""
    frames = mediapipe([body(0), None, body(2)])["frames"]
    people = [entry["pose_landmarks"] for entry in frames]
    one = [person[0] if person else None for person in people]
    truth = expected([0, 1, 2])
    truth[1] = 0
    for name, document in {
        "js": [{"poseLandmarks": person, "image": None} for person in one],
        "tasks": [{"landmarks": person, "worldLandmarks": []} for person in people],
        "bare": [person or [] for person in one],
        "proto": [{"pose_landmarks": {"landmark": person} if person else None} for person in one],
    }.items():
        np.testing.assert_allclose(of(tmp_path / f"{name}.json", document, image_size=SIZE), truth)
        with pytest.raises(InputError, match="does not say the image size; wanted"):
            read_people(tmp_path / f"{name}.json")
    sized = {"poseLandmarks": one[0], "image_width": 640, "image_height": 480}
    np.testing.assert_allclose(of(tmp_path / "one.json", sized), expected([0]))
