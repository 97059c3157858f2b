"""Parts of a body on rigs of every naming family; what is missing is named."""

import pytest

from genmo.runtime.retarget import read_character
from genmo.runtime.retarget.character_bones import find_bones, read_map
from genmo.runtime.retarget.rig import read_rig
from genmo.runtime.support.errors import InputError

ORDER = (
    "hips", "spine", "chest", "upper_chest", "neck", "head", "upper_leg", "lower_leg", "foot", "toes", "shoulder",
    "upper_arm", "lower_arm", "hand", "middle",
)  # fmt: skip
# names as the tools write them, in ORDER; {s} is the side
FAMILIES = {
    "Mixamo": ("mixamorig:{S}", "Hips Spine Spine1 Spine2 Neck Head UpLeg Leg Foot ToeBase Shoulder Arm ForeArm Hand "
               "HandMiddle1"),
    "CMU": ("{S}", "Hips LowerBack Spine Spine1 Neck Head UpLeg Leg Foot ToeBase Shoulder Arm ForeArm Hand x"),
    "UE5": ("{_s}", "pelvis spine_01 spine_02 spine_03 neck_01 head thigh calf foot ball clavicle upperarm lowerarm "
            "hand middle_01"),
    "Unity": ("{S}", "Hips Spine Chest UpperChest Neck Head UpperLeg LowerLeg Foot Toes Shoulder UpperArm LowerArm "
              "Hand MiddleProximal"),
    "VRoid": ("J_Bip_{C}_", "Hips Spine Chest UpperChest Neck Head UpperLeg LowerLeg Foot ToeBase Shoulder UpperArm "
              "LowerArm Hand Middle1"),
    "Rigify": ("DEF-{.L}", "spine spine.001 spine.002 spine.003 spine.004 spine.006 thigh shin foot toe shoulder "
               "upper_arm forearm hand f_middle.01"),
    "SOMA": ("{S}", "Hips Spine1 Spine2 Chest Neck1 Head Leg Shin Foot ToeBase Shoulder Arm ForeArm Hand HandMiddle1"),
    "Biped": ("Bip01 {L }", "Pelvis Spine Spine1 Spine2 Neck Head Thigh Calf Foot Toe0 Clavicle UpperArm Forearm Hand "
              "Finger2"),
    "SMPL": ("{s_}", "pelvis spine1 spine2 spine3 neck head hip knee ankle foot collar shoulder elbow wrist hand"),
}  # fmt: skip


def spelled(pattern, word, side):
    """The bone's name in the file."""
    letter = side[:1].upper()
    if pattern == "{_s}":
        return f"{word}_{side[0]}" if side else word
    if pattern == "DEF-{.L}":
        return f"DEF-{word}.{letter}" if side else f"DEF-{word}"
    before = {"{S}": side.title(), "{C}": letter or "C", "{L }": f"{letter} " if side else "",
              "{s_}": f"{side}_" if side else ""}  # fmt: skip
    key = next(key for key in before if key in pattern)
    return pattern.replace(key, before[key]) + word


def rename(bones, table, pattern, words):
    """Bones of a made-up person under the names of a family."""
    new = dict(zip(ORDER, words.split(), strict=True))
    names = {}
    for part, old in table.items():
        for side in ("", "left", "right"):
            names[f"mixamorig:{side.title()}{old}"] = spelled(pattern, new[part], side)
    return [(names[name], parent and names[parent], place) for name, parent, place in bones]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_recognised(tmp_path, make_glb, person, family):
    bones = rename(person(person.MIXAMO), person.MIXAMO, *FAMILIES[family])
    path = tmp_path / "hero.glb"
    path.write_bytes(make_glb(bones).bytes())
    rig = read_rig(path)
    result = find_bones(rig)
    new = dict(zip(ORDER, FAMILIES[family][1].split(), strict=True))
    pattern = FAMILIES[family][0]
    assert rig.names[result.hips] == spelled(pattern, new["hips"], "")
    assert [rig.names[n] for n in result.spine] == [
        spelled(pattern, new[p], "") for p in ("spine", "chest", "upper_chest")
    ]
    assert [rig.names[n] for n in result.neck] == [spelled(pattern, new["neck"], "")]
    assert rig.names[result.head] == spelled(pattern, new["head"], "")
    for side in ("left", "right"):
        for limb in ORDER[6:]:
            if new[limb] != "x":
                assert rig.names[result.limbs[f"{side}_{limb}"]] == spelled(pattern, new[limb], side)
    assert family in result.convention or family in ("VRoid", "CMU")


@pytest.mark.parametrize("version", [0, 1])
def test_a_vrm_says_itself(tmp_path, make_glb, person, version):
    """Names that mean nothing, and VRM's own table."""
    bones = person(person.MIXAMO)
    number = {name: k for k, (name, _, _) in enumerate(bones)}
    vrm = dict(zip(ORDER, ("hips spine chest upperChest neck head UpperLeg LowerLeg Foot Toes Shoulder UpperArm "
                           "LowerArm Hand MiddleProximal").split(), strict=True))  # fmt: skip
    table = {}
    for part, old in person.MIXAMO.items():
        for side in ("", "left", "right"):
            name = f"mixamorig:{side.title()}{old}"
            if name in number:
                table[side + vrm[part] if side else vrm[part]] = number[name]
    extension = (
        {"VRM": {"humanoid": {"humanBones": [{"bone": bone, "node": node} for bone, node in table.items()]}}}
        if version == 0
        else {"VRMC_vrm": {"humanoid": {"humanBones": {bone: {"node": node} for bone, node in table.items()}}}}
    )
    plainly = [(f"b{number[name]}", parent and f"b{number[parent]}", place) for name, parent, place in bones]
    path = tmp_path / "hero.vrm"
    path.write_bytes(make_glb(plainly, extensions=extension).bytes())
    result = read_character(path).bones
    assert result.convention == "VRM"
    assert result.limbs["left_upper_arm"] == number["mixamorig:LeftArm"]
    assert result.limbs["right_middle"] == number["mixamorig:RightHandMiddle1"]
    assert len(result.spine) == 3


def test_unmatched_bones_are_named(tmp_path, make_glb, person):
    def other(name):
        return name and name.replace("LeftForeArm", "elbow_thing")

    bones = [(other(name), other(parent), place) for name, parent, place in person(person.MIXAMO)]
    path = tmp_path / "hero.glb"
    path.write_bytes(make_glb(bones).bytes())
    with pytest.raises(InputError) as caught:
        read_character(path)
    line = str(caught.value)
    assert "no bone found for left_lower_arm (most like Mixamo" in line
    assert "mixamorig:elbow_thing" in line and "--character-map" in line and "\n" not in line
    table = tmp_path / "map.yaml"
    table.write_text("bones: {left_lower_arm: 'mixamorig:elbow_thing'}\nfloor: 0.01\n")
    character = read_character(path, table)
    assert character.rig.names[character.bones.limbs["left_lower_arm"]] == "mixamorig:elbow_thing"
    assert character.floor == 0.01


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bones: {hip: a}", "'hip' is no part"),
        ("bones: {hips: [a, b]}", "name of one bone"),
        ("bones: {hips: 3}", "name of one bone"),
        ("bones: 3", "no table"),
        ("[1]", "wanted the keys"),
        ("floors: 1", "wanted the keys"),
        ("floor: low", "floor is 'low'"),
        ("rest_frame: -1", "rest_frame is -1"),
        ("{", "not YAML"),
    ],
)
def test_bad_maps_are_one_line(tmp_path, text, words):
    path = tmp_path / "map.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match="map.yaml") as caught:
        read_map(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_map_with_a_bone_that_is_not_there(tmp_path, mixamo_file):
    table = tmp_path / "map.yaml"
    table.write_text("bones: {hips: Nobody}")
    with pytest.raises(InputError, match="'Nobody' is no bone of"):
        read_character(mixamo_file, table)


def test_parts_that_do_not_hang_together(tmp_path, make_glb, person):
    bones = [(name, "mixamorig:Hips" if name == "mixamorig:LeftLeg" else parent, place)
             for name, parent, place in person(person.MIXAMO)]  # fmt: skip
    path = tmp_path / "hero.glb"
    path.write_bytes(make_glb(bones).bytes())
    with pytest.raises(InputError, match="left_lower_leg 'mixamorig:LeftLeg' does not hang on left_upper_leg"):
        read_character(path)
