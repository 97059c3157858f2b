"""Every naming family is read, as a character and as a motion, by one table."""

import json
from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.cli.retarget import main
from genmo.runtime.formats.bvh import ROOT_CHANNELS, Bvh, bvh_bytes, read_bvh
from genmo.runtime.formats.bvh_motion import bvh_motion, joint_map
from genmo.runtime.motion.bone_names import HUMAN_BODY_BONES, JOINT_OF_PART, PARTS, name_parts, plain
from genmo.runtime.motion.skeleton import JOINTS, PARENTS, shape_space
from genmo.runtime.retarget.character import character_of
from genmo.runtime.retarget.rig import Rig
from genmo.runtime.support.errors import InputError

LIMB = ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist", "hand")
MIXAMO = "Hips Spine Spine1 Spine2 Neck Head {S}UpLeg {S}Leg {S}Foot {S}ToeBase {S}Shoulder {S}Arm {S}ForeArm " \
    "{S}Hand {S}HandMiddle1"  # fmt: skip
SMPL = "Pelvis Spine1 Spine2 Spine3 Neck Head {L}_Hip {L}_Knee {L}_Ankle {L}_Foot {L}_Collar {L}_Shoulder " \
    "{L}_Elbow {L}_Wrist {L}_Hand"  # fmt: skip
BIPED = "Pelvis,Spine,Spine1,Spine2,Neck,Head,{L} Thigh,{L} Calf,{L} Foot,{L} Toe0,{L} Clavicle,{L} UpperArm," \
    "{L} Forearm,{L} Hand,{L} Finger2"  # fmt: skip
VRM = "hips spine chest upperChest neck head {s}UpperLeg {s}LowerLeg {s}Foot {s}Toes {s}Shoulder {s}UpperArm " \
    "{s}LowerArm {s}Hand {s}MiddleProximal"  # fmt: skip
UE = "pelvis spine_01 spine_02 spine_03 neck_01 head thigh_{l} calf_{l} foot_{l} ball_{l} clavicle_{l} upperarm_{l} " \
    "lowerarm_{l} hand_{l} middle_01_{l}"  # fmt: skip
CLASSIC = "Hips Chest Chest2 Chest3 Neck Head {S}Hip {S}Knee {S}Ankle {S}Toe {S}Collar {S}Shoulder {S}Elbow {S}Wrist -"


def before(prefix, words, behind=""):
    """Words with the same letters around each; `behind` may count with {n}."""
    words = words.split("," if "," in words else None)
    return ",".join(
        word if word == "-" else prefix + word + behind.format(n=f"{n:02d}") for n, word in enumerate(words)
    )


# in the order pelvis, spine1 to 3, neck, head, and of either side LIMB; - is a joint that the family lacks
FAMILIES = {
    "Mixamo": before("mixamorig:", MIXAMO),
    "Mixamo, a second download": before("mixamorig9:", MIXAMO),
    "Mixamo without the colon": before("mixamorig", MIXAMO),
    "Mixamo with an underscore": before("mixamorig_", MIXAMO),
    "name space": before("Hero_A:", MIXAMO),
    "Perception Neuron": MIXAMO.replace("HandMiddle1", "InHandMiddle"),
    "Xsens FBX": MIXAMO.replace("Spine2", "Spine3").replace("{S}HandMiddle1", "-"),
    "Rokoko Newton": MIXAMO.replace("UpLeg", "Thigh").replace("{S}Leg", "{S}Shin").replace("ToeBase", "Toe"),
    "HumanIK in lower case": MIXAMO.lower(),
    "an ending that all share": before("", MIXAMO, "_jnt"),
    "an ending after a blank": before("", MIXAMO, " bone"),
    "ARKit": "hips_joint spine_1_joint spine_2_joint spine_3_joint neck_1_joint head_joint {s}_upLeg_joint "
        "{s}_leg_joint {s}_foot_joint {s}_toes_joint - {s}_arm_joint {s}_forearm_joint {s}_hand_joint -",
    "Second Life, its own skeleton": "mPelvis mTorso mSpine3 mChest mNeck mHead mHip{S} mKnee{S} mAnkle{S} mFoot{S} "
        "mCollar{S} mShoulder{S} mElbow{S} mWrist{S} mHandMiddle1{S}",
    "Advanced Skeleton": "Root_M Spine1_M Spine2_M Chest_M Neck_M Head_M Hip_{L} Knee_{L} Ankle_{L} Toes_{L} "
        "Scapula_{L} Shoulder_{L} Elbow_{L} Wrist_{L} MiddleFinger1_{L}",
    "OptiTrack": "Hip Ab Spine2 Chest Neck Head {L}Thigh {L}Shin {L}Foot {L}Toe {L}Shoulder {L}UArm {L}FArm "
        "{L}Hand -",
    "HumanIK with its character": before("Character1_", MIXAMO),
    "Bandai Namco": "Hips Spine - Chest Neck Head UpperLeg_{L} LowerLeg_{L} Foot_{L} Toes_{L} Shoulder_{L} "
                    "UpperArm_{L} LowerArm_{L} Hand_{L} -",
    "Unreal Engine": UE,
    "Rocketbox": before("Bip01 ", BIPED),
    "3ds Max Biped": before("Bip001 ", BIPED),
    "SOMA": "Hips Spine1 Spine2 Chest Neck1 Head {S}Leg {S}Shin {S}Foot {S}ToeBase {S}Shoulder {S}Arm {S}ForeArm "
            "{S}Hand {S}HandMiddle1",
    "VRM": VRM,
    "VRoid": before("J_Bip_", "C_Hips C_Spine C_Chest C_UpperChest C_Neck C_Head {L}_UpperLeg {L}_LowerLeg {L}_Foot "
                    "{L}_ToeBase {L}_Shoulder {L}_UpperArm {L}_LowerArm {L}_Hand {L}_Middle1"),
    "Biovision, 3ds Max": CLASSIC,
    "Xsens MVN": "Pelvis L5 L3 T8 Neck Head {S}UpperLeg {S}LowerLeg {S}Foot {S}Toe {S}Shoulder {S}UpperArm {S}ForeArm "
                 "{S}Hand -",
    "Biovision": "Hips - - Chest Neck Head {S}UpLeg {S}LowLeg {S}Foot - {S}Collar {S}UpArm {S}LowArm {S}Hand -",
    "Sketchfab": before("", VRM, "_{n}"),
    "Sketchfab of Mixamo": before("mixamorig:", MIXAMO, "_{n}"),
    "Sketchfab of Unreal": before("", UE, "_0{n}"),
    "a second character in Blender": before("", MIXAMO, ".001"),
    "VRChat": "Hips,Spine,Chest,Upper Chest,Neck,Head,{S} leg,{S} knee,{S} ankle,{S} toe,{S} shoulder,{S} arm,"
              "{S} elbow,"
              "{S} wrist,MiddleFinger1_{L}",
    "Poser": "hip abdomen - chest neck head {l}Thigh {l}Shin {l}Foot {l}Toe {l}Collar {l}Shldr {l}ForeArm "
             "{l}Hand {l}Mid1",
    "Second Life": "hip abdomen - chest neck head {l}Thigh {l}Shin {l}Foot - {l}Collar {l}Shldr {l}ForeArm {l}Hand -",
    "DAZ Genesis 8": "hip abdomenLower abdomenUpper chestLower neckLower head {l}ThighBend {l}Shin {l}Foot {l}Toe "
                     "{l}Collar {l}ShldrBend {l}ForearmBend {l}Hand {l}Mid1",
    "DAZ Genesis 9": "hip spine1 spine2 spine3 neck1 head {l}_thigh {l}_shin {l}_foot {l}_toes {l}_shoulder "
                     "{l}_upperarm "
                     "{l}_forearm {l}_hand {l}_mid1",
    "MakeHuman": "root spine05 spine03 spine01 neck01 head upperleg01.{L} lowerleg01.{L} foot.{L} toe1-1.{L} "
                 "clavicle.{L} upperarm01.{L} lowerarm01.{L} wrist.{L} finger3-1.{L}",
    "Roblox R15": "LowerTorso - - UpperTorso - Head {S}UpperLeg {S}LowerLeg {S}Foot - - {S}UpperArm {S}LowerArm "
                  "{S}Hand -",
    "Source engine": before("ValveBiped.Bip01_", BIPED.replace(" ", "_").replace("Head", "Head1")),
    "Auto-Rig Pro": "root.x spine_01.x spine_02.x spine_03.x neck.x head.x thigh_stretch.{l} leg_stretch.{l} foot.{l} "
                    "toes_01.{l} shoulder.{l} arm_stretch.{l} forearm_stretch.{l} hand.{l} c_middle1.{l}",
    "Rigify": before("DEF-", "spine spine.001 spine.002 spine.003 spine.004 spine.006 thigh.{L} shin.{L} "
              "foot.{L} toe.{L} "
                     "shoulder.{L} upper_arm.{L} forearm.{L} hand.{L} f_middle.01.{L}"),
    "Character Creator": before("CC_Base_", "Hip Waist Spine01 Spine02 NeckTwist01 Head {L}_Thigh {L}_Calf {L}_Foot "
                                "{L}_ToeBase {L}_Clavicle {L}_Upperarm {L}_Forearm {L}_Hand {L}_Mid1"),
    "SMPL": SMPL.lower().replace("{l}", "{s}"),
    "SMPL's male model": before("m_avg_", SMPL),
    "SMPL's female model": before("f_avg_", SMPL),
    "MikuMikuDance": "センター 上半身 - 上半身2 首 頭 {J}足 {J}ひざ {J}足首 {J}つま先 {J}肩 {J}腕 {J}ひじ {J}手首 "
                     "{J}中指１",
    "MikuMikuDance in English": "center,upper body,-,upper body2,neck,head,leg_{L},knee_{L},ankle_{L},toe_{L},"
                                "shoulder_{L},"
                                "arm_{L},elbow_{L},wrist_{L},middle1_{L}",
    "Blender's armature in front": before("Armature_", MIXAMO),
    "Kenney": MIXAMO.replace("ToeBase", "Toes").replace("{S}HandMiddle1", "-"),
    "a mixture": "Root Spine - Chest Neck Head {S}Thigh {S}Calf {S}Foot {S}Ball {S}Shoulder {S}Arm {S}ForeArm "
                 "{S}Hand -",
}  # fmt: skip


def spelled(family):
    """SMPL joint -> the family's name, without what it lacks."""
    words = FAMILIES[family].split("," if "," in FAMILIES[family] else None)
    middle = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")
    names = dict(zip(middle, words, strict=False))
    for side, japanese in (("left", "左"), ("right", "右")):
        for joint, word in zip(LIMB, words[6:], strict=True):
            spelling = word.format(S=side.title(), s=side, L=side[0].upper(), l=side[0], J=japanese)
            names[f"{side}_{joint}"] = spelling
    return {joint: name for joint, name in names.items() if name != "-"}


def skeleton(names):
    """A BVH of a mean person whose joints have these names; joints without one are left out.  Centimetres."""
    mean = 100 * shape_space().mean
    kept = [joint for joint in JOINTS if joint in names]
    number = {joint: n for n, joint in enumerate(kept)}
    parents, offsets = [], []
    for joint in kept:
        at = JOINTS.index(joint)
        position, parent = mean[at].copy(), PARENTS[at]
        while parent >= 0 and JOINTS[parent] not in number:
            position += mean[parent]
            parent = PARENTS[parent]
        parents.append(-1 if parent < 0 else number[JOINTS[parent]])
        offsets.append(position if parent >= 0 else np.zeros(3))
    offsets = np.array(offsets)
    positions = np.tile(offsets, (2, 1, 1))
    positions[:, 0] = 0, 95, 0
    rotations = np.tile(np.eye(3), (2, len(kept), 1, 1))
    channels = tuple(("Zrotation", "Xrotation", "Yrotation") for _ in kept)
    return Bvh(
        tuple(names[joint] for joint in kept), tuple(parents), offsets, {}, channels, 1 / 30, rotations, positions
    )


def character(bvh):
    joints = len(bvh.names)
    return character_of(
        Rig("hero.bvh", bvh.names, bvh.parents, tuple(range(joints)), bvh.rotations[0], bvh.offsets,
            np.ones((joints, 3)), tuple(range(joints)), bvh=bvh)
    )  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_a_character_and_a_motion(family):
    expected = spelled(family)
    bvh = skeleton(expected)
    named = {JOINTS[joint]: bvh.names[number] for joint, number in joint_map(bvh).items()}
    assert named.items() >= {joint: name for joint, name in expected.items() if not joint.startswith("spine")}.items()
    assert named["spine3"] == expected.get("spine3", expected.get("spine1"))
    assert np.allclose(bvh_motion(bvh).translation[0], (0, 0.95, 0))
    bones = character(bvh).bones
    nodes = {"hips": bones.hips, "head": bones.head, **bones.limbs}
    assert {JOINT_OF_PART[part]: bvh.names[node] for part, node in nodes.items()} == {
        joint: name for joint, name in expected.items() if joint != "neck" and not joint.startswith("spine")
    }
    assert [bvh.names[node] for node in bones.neck] == [expected[part] for part in ("neck",) if part in expected]


def test_bones_around_the_body_change_nothing():
    """DAZ's pelvis carries only the legs; a root, leaves and twist bones lie around."""
    bvh = skeleton(spelled("DAZ Genesis 8"))
    names = [*bvh.names, "pelvis", "lThighTwist", "root"]
    parents = [*bvh.parents, 0, 1, -1]
    parents[0] = len(names) - 1
    for leg in ("lThighBend", "rThighBend"):
        parents[names.index(leg)] = names.index("pelvis")
    nodes = name_parts(names, parents).nodes
    assert names[nodes["hips"]] == "hip" and names[nodes["left_upper_leg"]] == "lThighBend"


def test_what_no_table_knows_is_listed():
    bvh = skeleton(spelled("Mixamo"))
    bare = replace(bvh, names=tuple(f"bone{n}" for n in range(len(bvh.names))))
    with pytest.raises(InputError, match="no joint for pelvis, left_hip, .*among bone0, .*pass --names"):
        joint_map(bare)
    assert name_parts(bare.names, bare.parents).nodes == {}
    assert name_parts([], []).nodes == {}


def test_unity_bones_are_the_parts_of_smpl():
    assert HUMAN_BODY_BONES["LeftUpperLeg"] == "left_hip" and HUMAN_BODY_BONES["RightHand"] == "right_wrist"
    assert set(HUMAN_BODY_BONES.values()) == set(JOINTS) - {"left_hand", "right_hand"}


def test_plain_names():
    assert plain("Armature|mixamorig1:LeftArm") == "leftarm"
    assert plain("Bip001 L Thigh") == "lthigh"
    assert plain("CC_Base_R_Calf") == "rcalf"
    assert plain("DEF-upper_arm.L") == "upperarml"
    assert plain("左中指１") == "左中指1"
    assert len(PARTS) == len(set(PARTS))


def bvh_file(path, bvh, scale=1.0):
    path.write_bytes(
        bvh_bytes(
            replace(
                bvh, offsets=scale * bvh.offsets, positions=scale * bvh.positions,
                channels=(ROOT_CHANNELS, *bvh.channels[1:]),
            )
        )
    )  # fmt: skip
    return str(path)


def test_a_motion_of_any_size_and_names_goes_onto_a_character(tmp_path, capsys):
    """Legs of 22 units are a person's in no unit, and retargeting scales by the legs: the same comes out."""
    bvh = skeleton(spelled("SOMA"))
    hero = bvh_file(tmp_path / "hero.bvh", skeleton(spelled("Biovision, 3ds Max")))
    motions = {scale: bvh_file(tmp_path / f"m{scale}.bvh", bvh, scale) for scale in (1.0, 0.26)}
    got = []
    for motion in motions.values():
        out = tmp_path / "out.bvh"
        assert main([motion, "--character", hero, "--out", str(out)]) == 0
        got.append(read_bvh(out).kinematics()[1])
    np.testing.assert_allclose(got[0], got[1], atol=1e-3)
    bare = bvh_file(tmp_path / "bare.bvh", replace(bvh, names=tuple(f"bone{n}" for n in range(len(bvh.names)))))
    assert main([bare, "--character", hero, "--out", str(tmp_path / "no.bvh")]) == 2
    line = capsys.readouterr().err
    assert "pass --names" in line and line.count("\n") == 1 and not (tmp_path / "no.bvh").exists()
    table = {joint: f"bone{n}" for n, joint in enumerate(j for j in JOINTS if j in spelled("SOMA"))}
    (tmp_path / "names.json").write_text(json.dumps(table))
    options = [bare, "--names", str(tmp_path / "names.json"), "--scale", "0.01"]
    assert main([*options, "--character", hero, "--out", str(tmp_path / "told.bvh")]) == 0
    np.testing.assert_allclose(read_bvh(tmp_path / "told.bvh").kinematics()[1], got[0], atol=1e-3)
    assert main([bare, "--scale", "nan", "--character", hero, "--out", str(tmp_path / "no.bvh")]) == 2
    assert "--scale is nan" in capsys.readouterr().err
