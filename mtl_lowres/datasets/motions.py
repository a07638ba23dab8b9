"""The ten actions of generated clips, as joint angles over time.

Actions of the trunk and arms are done in any of `CLIP_POSTURES`; those of the whole body pass
through several postures and belong to none. Standing up is sitting down played backwards, so that
a single frame cannot tell one from the other.
"""

import numpy as np

from mtl_lowres.datasets.figure import JOINT_INDEX, SIDES, joint_positions, stand_on_floor, turn
from mtl_lowres.datasets.population import Member
from mtl_lowres.datasets.postures import posture_angles, random_pose

FRAMES_PER_SECOND = 8
CLIP_POSTURES = ("stand", "lunge", "squat", "sit", "kneel", "lie")

# Degrees from facing the camera, and how far either way. Half turned, a figure shows both what
# moves sideways and what moves forwards.
_VIEW, _LYING_VIEW = (45, 22), (68, 18)

_FLEXION, _TURN, _LIFT = range(3)
_SPINE, _NECK, _PELVIS = JOINT_INDEX["spine"], JOINT_INDEX["neck"], JOINT_INDEX["pelvis"]
_ANKLES, _ELBOWS, _HIPS, _KNEES, _SHOULDERS = (
    [JOINT_INDEX[f"{side}_{name}"] for side in SIDES]
    for name in ("ankle", "elbow", "hip", "knee", "shoulder")
)


def _phase(seconds: np.ndarray, hertz: float, rng: np.random.Generator) -> np.ndarray:
    """Return the phase in radians, float64 [frames], of a movement that repeats."""
    return 2 * np.pi * (hertz * seconds + rng.random())


def _progress(seconds: np.ndarray, duration: float, rng: np.random.Generator) -> np.ndarray:
    """Return the share, float64 [frames], of a movement that happens once and wholly in the clip.

    It takes `duration` seconds, or most of a clip that is too short, from a random moment on.
    """
    length = seconds[-1]
    duration = min(duration, 0.8 * length)
    begin = rng.uniform(0.05 * length, 0.95 * length - duration) if length else 0.0
    return np.clip((seconds - begin) / max(duration, 1e-6), 0, 1)


# Each of these changes the joint angles [frames, joints, 3] in degrees in place, and where the body
# goes, `shift` [frames, 3] in metres (z forwards), if it goes anywhere.


def _still(angles, shift, seconds, member, rng):
    pass


def _wave(angles, shift, seconds, member, rng):
    phase = _phase(seconds, 1.3 * member.tempo, rng)
    angles[:, _SHOULDERS[0]] = 0
    angles[:, _SHOULDERS[0], _LIFT] = 125 + 38 * np.sin(phase)
    angles[:, _ELBOWS[0]] = 0


def _raise_arms(angles, shift, seconds, member, rng):
    phase = _phase(seconds, 0.75 * member.tempo, rng)
    angles[:, _SHOULDERS] = 0
    angles[:, _SHOULDERS, _LIFT] = (85 + 75 * np.sin(phase))[:, None]
    angles[:, _ELBOWS] *= 0.3


def _bow(angles, shift, seconds, member, rng):
    phase = _phase(seconds, 0.75 * member.tempo, rng)
    angles[:, _SPINE, _FLEXION] += 30 - 30 * np.cos(phase)
    angles[:, _NECK, _FLEXION] += 10 - 10 * np.cos(phase)


def _walk(angles, shift, seconds, member, rng):
    hertz, reach = 0.95 * member.tempo, 24 * member.step
    phase = _phase(seconds, hertz, rng)
    for side, lag in enumerate((0, np.pi)):
        swing = np.sin(phase + lag)
        angles[:, _HIPS[side], _FLEXION] += reach * swing
        # The knee bends while the leg swings forwards.
        angles[:, _KNEES[side], _FLEXION] += 5 + 1.6 * reach * np.clip(np.cos(phase + lag), 0, 1)
        arm = np.sin(phase + lag + np.pi - member.arm_lag)
        angles[:, _SHOULDERS[side], _FLEXION] += reach * member.arm_swing * arm
    # Two steps a cycle, each as long as the legs (0.49 heights) open.
    speed = 4 * 0.49 * member.person.height * np.sin(np.radians(reach)) * hertz
    shift[:, 2] += speed * seconds


def _squat(angles, shift, seconds, member, rng):
    phase = _phase(seconds, 0.8 * member.tempo, rng)
    down = (0.5 - 0.5 * np.cos(phase))[:, None, None]
    angles += down * (posture_angles("squat") - posture_angles("stand"))


def _sit_down(angles, shift, seconds, member, rng):
    share = _progress(seconds, rng.uniform(0.9, 1.2) / member.tempo, rng)
    down = (share * share * (3 - 2 * share))[:, None, None]
    angles += down * (posture_angles("sit") - posture_angles("stand"))
    angles[:, _SPINE, _FLEXION] += 35 * np.sin(np.pi * share)


def _stand_up(angles, shift, seconds, member, rng):
    _sit_down(angles, shift, seconds, member, rng)
    angles[:] = angles[::-1].copy()


def _fall(angles, shift, seconds, member, rng):
    # A body drops at the same speed at any age.
    share = _progress(seconds, rng.uniform(0.55, 0.75), rng)
    down = (share * share)[:, None, None]
    angles += down * (posture_angles("lie") - posture_angles("stand"))
    angles[:, _KNEES, _FLEXION] += (45 * np.sin(np.pi * share))[:, None]
    angles[:, _SHOULDERS, _LIFT] += (50 * np.sin(np.pi * share))[:, None]


def _jump(angles, shift, seconds, member, rng):
    phase = _phase(seconds, 1.25 * member.tempo, rng)
    height, crouch = np.clip(np.sin(phase), 0, 1), np.clip(-np.sin(phase), 0, 1)
    angles[:, _HIPS, _FLEXION] += 45 * crouch[:, None]
    angles[:, _KNEES, _FLEXION] += 80 * crouch[:, None]
    angles[:, _SHOULDERS, _FLEXION] += (50 * height - 30 * crouch)[:, None]
    shift[:, 1] += 0.2 * member.person.height * height


IN_PLACE = {"still": _still, "wave": _wave, "raise_arms": _raise_arms, "bow": _bow}
WHOLE_BODY = {
    "walk": _walk,
    "squat": _squat,
    "sit_down": _sit_down,
    "stand_up": _stand_up,
    "fall": _fall,
    "jump": _jump,
}
ACTIONS = (*IN_PLACE, *WHOLE_BODY)


def random_motion(
    action: str, posture: str, member: Member, frames: int, rng: np.random.Generator
) -> np.ndarray:
    """Return where the joints of `member` are while they do `action`.

    Args:
        action: one of `ACTIONS`.
        posture: one of `CLIP_POSTURES`, in which the action begins.
        member: who does it.
        frames: how many frames, at `FRAMES_PER_SECOND`.
        rng: chooses how the posture is held, tempo, moment, direction, side and place.

    Returns:
        float64 [frames, joints, 3] in metres, on the floor near the origin.
    """
    # Once in a while a person is slower or quicker than usual.
    seconds = np.arange(frames) / FRAMES_PER_SECOND * rng.uniform(0.92, 1.08)
    angles = np.repeat(random_pose(posture, rng)[None], frames, axis=0)
    shift = np.zeros((frames, 3))
    (IN_PLACE | WHOLE_BODY)[action](angles, shift, seconds, member, rng)
    _add_habits(angles, seconds, member, rng)

    positions = joint_positions(angles, member.person.offsets())
    # A walker's pelvis goes steadily; otherwise the feet stay where they are.
    anchor = positions[:, _PELVIS] if action == "walk" else positions[:, _ANKLES].mean(axis=1)
    positions = stand_on_floor(positions - anchor[:, None], member.person.radii())
    positions += shift[:, None]
    if rng.random() < 0.5:
        positions *= (-1, 1, 1)
    view, spread = _LYING_VIEW if posture == "lie" else _VIEW
    positions = turn(positions, rng.choice((-1, 1)) * rng.uniform(view - spread, view + spread))
    extent = positions[..., [0, 2]].reshape(-1, 2)
    middle = (extent.min(axis=0) + extent.max(axis=0)) / 2
    sideways, towards = rng.uniform(-0.2, 0.2, size=2)
    return positions + (sideways - middle[0], 0, towards - middle[1])


def _add_habits(angles, seconds, member, rng):
    """Add the member's stoop and bent knees to `angles`, and the sway of everybody alive."""
    upright = np.clip(np.cos(np.radians(angles[:, _PELVIS, _FLEXION])), 0, 1)
    angles[:, _SPINE, _FLEXION] += member.stoop * upright
    angles[:, _NECK, _FLEXION] += 0.5 * member.stoop * upright
    # Knees that are bent anyhow are not bent further.
    bend = member.knees * np.clip(1 - angles[:, _KNEES, _FLEXION] / 90, 0, 1)
    angles[:, _KNEES, _FLEXION] += bend
    angles[:, _HIPS, _FLEXION] += 0.5 * bend
    swaying = [_SPINE, _NECK, *_SHOULDERS, *_ELBOWS]
    phases = 2 * np.pi * (0.35 * seconds[:, None, None] + rng.random((len(swaying), 3)))
    angles[:, swaying] += 1.5 * np.sin(phases)
