"""The twelve postures of `people`, as joint angles.

No posture is the mirror image of another, so flipping an image never changes its label.
"""

import numpy as np

from mtl_lowres.datasets.figure import JOINT_INDEX, JOINTS, SIDES

# Posture -> (view, spread, joint angles). The figure is turned by view +- spread degrees from
# facing the camera, to either side. Angles are (flexion, outward turn, sideways lift) in degrees;
# "*" sets both sides; joints that are not named stay at rest.
_TABLE = {
    "stand": (0, 80, {"*_shoulder": (0, 0, 10), "*_elbow": (12, 0, 0), "*_hip": (0, 0, 4)}),
    "arms_up": (0, 60, {"*_shoulder": (0, 0, 162), "*_elbow": (8, 0, 0), "*_hip": (0, 0, 5)}),
    "t_pose": (0, 35, {"*_shoulder": (0, 0, 88), "*_hip": (0, 0, 6)}),
    "one_leg": (
        60,
        30,
        {
            "*_shoulder": (5, 0, 22),
            "*_elbow": (20, 0, 0),
            "left_hip": (88, 0, 0),
            "left_knee": (95, 0, 0),
            "left_ankle": (-20, 0, 0),
        },
    ),
    "lunge": (
        70,
        25,
        {
            "spine": (5, 0, 0),
            "*_shoulder": (5, 0, 14),
            "*_elbow": (25, 0, 0),
            "left_hip": (72, 0, 0),
            "left_knee": (72, 0, 0),
            "right_hip": (-38, 0, 0),
            "right_knee": (18, 0, 0),
            "right_ankle": (15, 0, 0),
        },
    ),
    "bend": (
        70,
        25,
        {"spine": (88, 0, 0), "*_shoulder": (85, 0, 6), "*_elbow": (8, 0, 0), "*_hip": (0, 0, 5)},
    ),
    "squat": (
        55,
        35,
        {
            "spine": (35, 0, 0),
            "*_shoulder": (118, 0, 0),
            "*_elbow": (8, 0, 0),
            "*_hip": (105, 18, 0),
            "*_knee": (122, 0, 0),
            "*_ankle": (17, 0, 0),
        },
    ),
    "sit": (
        55,
        35,
        {
            "*_shoulder": (22, 0, 8),
            "*_elbow": (45, 0, 0),
            "*_hip": (86, 8, 0),
            "*_knee": (86, 0, 0),
        },
    ),
    "kneel": (
        60,
        35,
        {
            "*_shoulder": (5, 0, 12),
            "*_elbow": (15, 0, 0),
            "*_hip": (2, 0, 5),
            "*_knee": (92, 0, 0),
            "*_ankle": (-70, 0, 0),
        },
    ),
    "crouch": (
        50,
        45,
        {
            "spine": (55, 0, 0),
            "neck": (25, 0, 0),
            "*_shoulder": (70, 0, 5),
            "*_elbow": (60, 0, 0),
            "*_hip": (125, 8, 0),
            "*_knee": (140, 0, 0),
            "*_ankle": (15, 0, 0),
        },
    ),
    "plank": (
        75,
        25,
        {
            "pelvis": (66, 0, 0),
            "neck": (-25, 0, 0),
            "*_shoulder": (68, 0, 5),
            "*_wrist": (-80, 0, 0),
            "*_ankle": (5, 0, 0),
        },
    ),
    "lie": (
        80,
        28,
        {
            "pelvis": (-90, 0, 0),
            "*_shoulder": (0, 0, 12),
            "*_hip": (0, 0, 5),
            "*_ankle": (-30, 0, 0),
        },
    ),
}

POSTURES = tuple(_TABLE)


def _angles(named: dict[str, tuple]) -> np.ndarray:
    """Return [joints, 3] degrees from a row's named joints."""
    angles = np.zeros((len(JOINTS), 3))
    for name, values in named.items():
        for side in SIDES if "*" in name else ("",):
            angles[JOINT_INDEX[name.replace("*", side)]] = values
    return angles


_ANGLES = {posture: _angles(named) for posture, (_, _, named) in _TABLE.items()}
# People hold their arms less alike than their trunk and legs.
_JITTER = np.array(
    [[10.0] if name.endswith(("shoulder", "elbow", "wrist")) else [4.5] for name in JOINTS]
)


def posture_angles(posture: str) -> np.ndarray:
    """Return the joint angles [joints, 3] in degrees of the posture held exactly."""
    return _ANGLES[posture].copy()


def random_pose(posture: str, rng: np.random.Generator) -> np.ndarray:
    """Return joint angles [joints, 3] in degrees: the posture as somebody might hold it."""
    angles = _ANGLES[posture] + rng.normal(size=(len(JOINTS), 3)) * _JITTER
    # The pelvis carries the whole figure: jitter there would lift a plank's feet off the floor.
    angles[0] = _ANGLES[posture][0] + rng.normal(size=3) * 2
    return angles


def random_view(posture: str, rng: np.random.Generator) -> float:
    """Return by how many degrees a figure in this posture is turned from facing the camera."""
    view, spread, _ = _TABLE[posture]
    return rng.choice((-1, 1)) * (view + rng.uniform(-spread, spread))
