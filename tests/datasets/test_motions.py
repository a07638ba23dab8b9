import numpy as np
import pytest

from mtl_lowres.datasets.figure import JOINT_INDEX, LIMBS
from mtl_lowres.datasets.motions import (
    ACTIONS,
    CLIP_POSTURES,
    FRAMES_PER_SECOND,
    IN_PLACE,
    random_motion,
)
from mtl_lowres.datasets.population import OLDEST, YOUNGEST, random_member, spread_ages

FRAMES = 16


def motion(action, posture="stand", age=30.0, seed=0, frames=FRAMES):
    member = random_member(age, np.random.default_rng(seed))
    positions = random_motion(action, posture, member, frames, np.random.default_rng(seed + 1))
    return member, positions


def height_of(joint, positions):
    return positions[:, JOINT_INDEX[joint], 1]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("age", [YOUNGEST, OLDEST])
def test_everybody_stays_near_the_origin_and_on_the_floor(action, age):
    for posture in CLIP_POSTURES if action in IN_PLACE else ("stand",):
        member, positions = motion(action, posture, age)
        assert positions.shape == (FRAMES, len(JOINT_INDEX), 3)
        assert np.isfinite(positions).all()
        assert np.abs(positions[..., [0, 2]]).max() < 2
        lowest = (positions[:, LIMBS, 1] - member.person.radii()).min(axis=(1, 2))
        assert np.abs(lowest.min()) < 1e-9
        if action != "jump":
            np.testing.assert_allclose(lowest, 0, atol=1e-9)


def test_only_a_jump_leaves_the_floor():
    member, positions = motion("jump")
    lowest = (positions[:, LIMBS, 1] - member.person.radii()).min(axis=(1, 2))
    # 0.2 of the height, if a frame hits the top.
    assert 0.15 < lowest.max() / member.person.height <= 0.2 + 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_sitting_down_ends_low_and_standing_up_ends_high(seed):
    member, down = motion("sit_down", seed=seed)
    _, up = motion("stand_up", seed=seed)
    drop = height_of("head", down)[0] - height_of("head", down)[-1]
    rise = height_of("head", up)[-1] - height_of("head", up)[0]
    assert drop > 0.15 * member.person.height
    # The same motion backwards, but for the sway.
    assert rise == pytest.approx(drop, abs=0.1)


def test_a_fall_is_faster_than_sitting_down_and_ends_on_the_floor():
    _, fall = motion("fall")
    _, sit = motion("sit_down")
    steps = [-np.diff(height_of("head", positions)).min() for positions in (fall, sit)]
    assert steps[0] > 1.5 * steps[1]
    assert height_of("head", fall)[-1] < 0.5


@pytest.mark.parametrize("action", ["wave", "raise_arms", "bow", "squat", "jump", "walk"])
@pytest.mark.parametrize("age", [YOUNGEST, OLDEST])
def test_what_repeats_does_so_within_a_clip(action, age):
    """Every joint coordinate that moves much also comes back: it turns round at least once."""
    _, positions = motion(action, age=age)
    path = positions - positions[:, :1] if action == "walk" else positions
    travel = path.reshape(FRAMES, -1)
    widest = travel[:, np.ptp(travel, axis=0).argmax()]
    steps = np.diff(widest)
    assert (steps > 0).any()
    assert (steps < 0).any()


def test_walkers_go_somewhere_and_others_stay():
    for action in ACTIONS:
        _, positions = motion(action)
        feet = positions[:, [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]].mean(axis=1)
        way = np.linalg.norm(feet[-1, [0, 2]] - feet[0, [0, 2]])
        assert way > 1 if action == "walk" else way < 1e-9


def test_old_people_walk_slower_than_children_grow_tall():
    def speed(age):
        ways = []
        for seed in range(6):
            member, positions = motion("walk", age=age, seed=seed)
            pelvis = positions[:, JOINT_INDEX["pelvis"]]
            way = np.linalg.norm(pelvis[-1, [0, 2]] - pelvis[0, [0, 2]])
            ways.append(way / (FRAMES - 1) * FRAMES_PER_SECOND / member.person.height)
        return np.mean(ways)

    assert speed(OLDEST) < 0.6 * speed(30.0) < 0.7 * speed(YOUNGEST)


def test_traits_change_with_age():
    def average(age, trait):
        return np.mean(
            [trait(random_member(age, np.random.default_rng(seed))) for seed in range(40)]
        )

    assert average(4, lambda m: m.person.height) == pytest.approx(1.02, abs=0.03)
    assert average(35, lambda m: m.person.height) == pytest.approx(1.715, abs=0.03)
    assert average(4, lambda m: m.person.head) > 1.3
    assert average(90, lambda m: m.stoop) == pytest.approx(42, abs=2)
    assert average(20, lambda m: m.stoop) < 4
    assert (
        average(90, lambda m: m.tempo)
        < average(20, lambda m: m.tempo)
        < average(4, lambda m: m.tempo)
    )


def test_people_of_one_age_differ():
    people = [random_member(40.0, np.random.default_rng(seed)) for seed in range(30)]
    assert np.std([member.person.height for member in people]) > 0.03
    assert np.std([member.person.temperatures["trunk"] for member in people]) > 1
    assert np.std([member.arm_swing for member in people]) > 0.2


def test_ages_are_spread_evenly_however_many():
    for people in (12, 100, 240):
        ages = spread_ages(people)
        assert len(ages) == people
        assert ages.min() >= 4
        assert ages.max() <= 90
        counts = np.histogram(ages, bins=4, range=(4, 90))[0]
        assert counts.max() - counts.min() <= 3
    np.testing.assert_array_equal(spread_ages(240)[:12], spread_ages(12))
