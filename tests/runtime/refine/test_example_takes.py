"""Takes that start from examples."""

import numpy as np
import pytest

from genmo.runtime.actions.names import Said
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.packed import FRAMES
from genmo.runtime.motion.rotation import yaw_of
from genmo.runtime.refine.example_takes import example_references, joins_well, takes_of_examples
from genmo.runtime.refine.takes import best_of
from tests.runtime.actions.test_examples import TRAITS, examples  # noqa: F401
from tests.train.made_motions import joints_of, made


def said(start, end, *weights):
    return Said(start, end, TRAITS, np.array(weights, np.float32))


@pytest.mark.parametrize(("takes", "of_examples"), [(2, 1), (3, 1), (4, 2), (8, 4)])
def test_half_of_the_takes_have_an_example(examples, takes, of_examples):  # noqa: F811
    references = example_references(examples, [said(0, FRAMES, 0, 0, 1)], 0, 0, takes)
    assert takes_of_examples(takes) == of_examples
    assert [len(spans) for spans in references] == [0] * (takes - of_examples) + [1] * of_examples


def test_takes_have_different_examples_and_seeds_draw_them(examples):  # noqa: F811
    texts = [said(0, FRAMES, 0, 0, 1)]
    first, second = (spans[0].motion.translation for spans in example_references(examples, texts, 0, 0, 4)[2:])
    assert not np.array_equal(first, second)
    again = example_references(examples, texts, 0, 0, 4)
    np.testing.assert_array_equal(again[2][0].motion.translation, first)
    drawn = {example_references(examples, texts, seed, 0, 2)[1][0].motion.rotations.tobytes() for seed in range(9)}
    assert len(drawn) == 3


def test_a_long_text_begins_with_its_example_and_a_short_one_is_filled(examples):  # noqa: F811
    (long,) = example_references(examples, [said(30, 330, 0, 0, 1)], 0, 0, 2)[1]
    assert (long.start, long.end) == (30, 150) and long.fade > 0
    (short,) = example_references(examples, [said(30, 80, 0, 0, 1)], 0, 0, 2)[1]
    assert (short.start, short.end) == (30, 80)
    assert example_references(examples, [said(0, 10, 0, 0, 1)], 0, 0, 2) == [(), ()]


def test_the_second_text_goes_on_where_the_first_looks(examples):  # noqa: F811
    turning = made(FRAMES, turn=120.0)
    from genmo.runtime.motion.packed import packed

    coefficients = np.stack([packed(turning.rotations, turning.translation, turning.offsets)] * 3)
    turned = type(examples)(
        examples.traits, examples.example, examples.start, examples.length, examples.does, coefficients
    )
    first, second = example_references(turned, [said(0, 120, 0, 0, 1), said(120, 240, 0, 0, 1)], 0, 0, 2)[1]
    ends, begins = yaw_of(first.motion.rotations[-1, 0]), yaw_of(second.motion.rotations[0, 0])
    assert abs(ends) > 1.5 and ends == pytest.approx(begins, abs=1e-6)


def test_texts_that_overlap_have_one_example(examples):  # noqa: F811
    together = [said(0, 120, 0, 0, 1), said(0, 120, 0.5, 0, 0)]
    assert len(example_references(examples, together, 0, 0, 2)[1]) == 1


def test_a_take_that_jerks_where_its_example_ends_is_left_out(examples):  # noqa: F811
    texts = [said(0, 200, 0, 0, 1)]
    references = example_references(examples, texts, 0, 0, 2)
    smooth = made(200, speed=1.2)
    joints = joints_of(smooth).astype(float)
    jerking = joints.copy()
    jerking[120:, :, 1] += 0.1
    assert joins_well(joints, ()) and joins_well(jerking, ())
    assert joins_well(joints, references[1]) and not joins_well(jerking, references[1])
    elsewhere = joints.copy()
    elsewhere[60:, :, 1] += 0.1
    assert joins_well(elsewhere, references[1]) and joins_well(joints[:2], references[1])
    whole = example_references(examples, [said(0, FRAMES, 0, 0, 1)], 0, 0, 2)[1]
    assert joins_well(jerking[:FRAMES], whole)
    take = Motion(smooth.rotations.astype(float), smooth.translation.astype(float), offsets=smooth.offsets)
    bent = np.where(np.arange(200)[:, None] < 120, take.translation, take.translation + [0, 0.1, 0])
    takes = [(take, ["free"]), (take.with_pose(take.rotations, bent), ["jerks"])]
    assert best_of(takes, texts, references)[1] == ["free"]
