"""The human figure behind `people`: a jointed skeleton, and people who differ in build and heat.

Coordinates are metres: x to the viewer's right, y up, z towards the viewer. A figure at rest stands
upright, arms hanging, and faces the viewer, so that its left side is at positive x.
"""

from dataclasses import dataclass

import numpy as np

SIDES = ("left", "right")

# Joint, parent, offset from the parent in body heights; "*" stands for each side, and the offset
# is the left one. Lengths follow the usual anthropometric tables (thigh and shin about 0.245).
_JOINT_TABLE = (
    ("pelvis", None, (0.0, 0.0, 0.0)),
    ("spine", "pelvis", (0.0, 0.09, 0.0)),
    ("neck", "spine", (0.0, 0.215, 0.0)),
    ("head", "neck", (0.0, 0.06, 0.01)),
    ("crown", "head", (0.0, 0.065, 0.0)),
    ("hair", "head", (0.0, 0.08, -0.022)),
    ("*_shoulder", "spine", (0.1, 0.185, 0.0)),
    ("*_elbow", "*_shoulder", (0.0, -0.186, 0.0)),
    ("*_wrist", "*_elbow", (0.0, -0.146, 0.0)),
    ("*_fingers", "*_wrist", (0.0, -0.075, 0.0)),
    ("*_hip", "pelvis", (0.052, -0.01, 0.0)),
    ("*_knee", "*_hip", (0.0, -0.245, 0.0)),
    ("*_ankle", "*_knee", (0.0, -0.246, 0.0)),
    ("*_toe", "*_ankle", (0.0, -0.025, 0.1)),
)

# From joint, to joint, radius at each end in body heights, region (see `Person.temperatures`),
# and the part of the body that it is drawn with, so that no seam shows between the two.
_LIMB_TABLE = (
    ("pelvis", "neck", 0.07, 0.055, "trunk", "trunk"),
    ("*_hip", "*_shoulder", 0.052, 0.046, "trunk", "trunk"),
    ("left_hip", "right_hip", 0.056, 0.056, "trousers", "trunk"),
    ("neck", "head", 0.033, 0.036, "skin", "head"),
    ("head", "crown", 0.046, 0.05, "skin", "head"),
    ("hair", "crown", 0.044, 0.046, "hair", "hair"),
    ("*_shoulder", "*_elbow", 0.033, 0.027, "upper_arm", "*_arm"),
    ("*_elbow", "*_wrist", 0.026, 0.019, "forearm", "*_arm"),
    ("*_wrist", "*_fingers", 0.021, 0.016, "hand", "*_arm"),
    ("*_hip", "*_knee", 0.054, 0.036, "trousers", "*_leg"),
    ("*_knee", "*_ankle", 0.035, 0.023, "shin", "*_leg"),
    ("*_ankle", "*_toe", 0.025, 0.02, "shoe", "*_leg"),
)


def _both_sides(table):
    """Repeat the rows that contain "*" once for each side."""
    rows = []
    for row in table:
        sides = SIDES if any("*" in cell for cell in row if isinstance(cell, str)) else ("",)
        for side in sides:
            filled = [c.replace("*", side) if isinstance(c, str) else c for c in row]
            rows.append((*filled, side))
    return rows


_JOINTS = _both_sides(_JOINT_TABLE)
_LIMBS = _both_sides(_LIMB_TABLE)

JOINTS = tuple(name for name, *_ in _JOINTS)
JOINT_INDEX = {name: index for index, name in enumerate(JOINTS)}
LIMBS = np.array([[JOINT_INDEX[start], JOINT_INDEX[end]] for start, end, *_ in _LIMBS])
_PARENTS = tuple(None if parent is None else JOINT_INDEX[parent] for _, parent, *_ in _JOINTS)
_OFFSETS = np.array(
    [[-o[0], *o[1:]] if side == "right" else o for _, _, o, side in _JOINTS], np.float64
)
_RADII = np.array([[start, end] for _, _, start, end, *_ in _LIMBS])
_REGIONS = tuple(region for *_, region, _, _ in _LIMBS)
_PARTS = [part for *_, part, _ in _LIMBS]
# Indices into LIMBS of the limbs of each part of the body.
PARTS = tuple(
    np.array([index for index, part in enumerate(_PARTS) if part == name])
    for name in dict.fromkeys(_PARTS)
)


@dataclass(frozen=True)
class Person:
    """A person's build and heat.

    `height` is in metres; `shoulders`, `hips`, `girth` and `head` are factors on the average width
    of the shoulders and hips, thickness of the limbs, and size of the head. `temperatures` are in
    degrees Celsius by region: skin, hair, trunk, upper_arm, forearm, hand, trousers, shin, shoe.
    """

    height: float
    shoulders: float
    hips: float
    girth: float
    head: float
    temperatures: dict[str, float]

    def offsets(self) -> np.ndarray:
        """Return each joint's offset from its parent, float64 [joints, 3] in metres."""
        offsets = _OFFSETS * self.height
        for name, index in JOINT_INDEX.items():
            if name.endswith("shoulder"):
                offsets[index, 0] *= self.shoulders
            elif name.endswith("hip"):
                offsets[index, 0] *= self.hips
            elif name in ("crown", "hair"):
                offsets[index] *= self.head
        return offsets

    def radii(self) -> np.ndarray:
        """Return the radius at both ends of each limb, float64 [limbs, 2] in metres."""
        factors = [self.head if region in ("skin", "hair") else self.girth for region in _REGIONS]
        return _RADII * self.height * np.array(factors)[:, None]

    def limb_temperatures(self) -> np.ndarray:
        """Return the temperature of each limb, float64 [limbs] in degrees Celsius."""
        return np.array([self.temperatures[region] for region in _REGIONS])


def random_person(rng: np.random.Generator) -> Person:
    """Return a person of random build, clothes and heat."""
    skin = rng.uniform(31.0, 35.5)
    shirt, trousers, shoe, hair = rng.uniform((25, 24.5, 23, 25), (32, 31, 27, 30))
    short_sleeves, short_trousers = rng.random(2) < (0.5, 0.3)
    return Person(
        height=rng.uniform(1.5, 1.95),
        shoulders=rng.uniform(0.8, 1.25),
        hips=rng.uniform(0.8, 1.3),
        girth=rng.uniform(0.78, 1.35),
        head=rng.uniform(0.9, 1.15),
        temperatures={
            "skin": skin,
            "hair": hair,
            "trunk": shirt + rng.uniform(0, 1),
            "upper_arm": shirt - 0.5,
            "forearm": skin - 1.5 if short_sleeves else shirt - 1,
            "hand": skin - rng.uniform(0, 5),
            "trousers": trousers,
            "shin": skin - 2.5 if short_trousers else trousers - 1,
            "shoe": shoe,
        },
    )


def _rotations(angles: np.ndarray) -> np.ndarray:
    """Return Rz @ Ry @ Rx for angles [..., 3] in radians about x, y, z; shape [..., 3, 3]."""
    (cx, cy, cz), (sx, sy, sz) = (np.moveaxis(f(angles), -1, 0) for f in (np.cos, np.sin))
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _flexion_sign(joint: str) -> int:
    """Return the sense about x that bends forwards: the trunk points up, the limbs hang down."""
    return 1 if joint in ("pelvis", "spine", "neck", "head") or joint.endswith("knee") else -1


# Turns anatomical angles into rotations about x, y and z; the right side mirrors the left.
_SIGNS = np.array(
    [
        [_flexion_sign(name), *([-1, -1] if side == "right" else [1, 1])]
        for name, _, _, side in _JOINTS
    ]
)


def joint_positions(angles: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return where the joints are, with the pelvis at the origin.

    Args:
        angles: float [..., joints, 3] in degrees, each joint relative to its parent: flexion
            (the trunk, arms and thighs forwards, the shins backwards), turning outwards about the
            vertical, and lifting sideways. Zero is the figure at rest. Leading axes, such as the
            frames of a clip, are kept.
        offsets: float [joints, 3] in metres, from `Person.offsets`.

    Returns:
        float64 [..., joints, 3] in metres.
    """
    local = _rotations(np.radians(angles * _SIGNS))
    turned, positions = [], []
    for joint, parent in enumerate(_PARENTS):
        if parent is None:
            turned.append(local[..., joint, :, :])
            positions.append(np.zeros(angles.shape[:-2] + (3,)))
        else:
            turned.append(turned[parent] @ local[..., joint, :, :])
            positions.append(positions[parent] + turned[parent] @ offsets[joint])
    return np.stack(positions, axis=-2)


def turn(positions: np.ndarray, degrees: float) -> np.ndarray:
    """Return `positions` [..., joints, 3] turned about the vertical, so that +z goes to +x."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return positions @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])


def stand_on_floor(positions: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Return `positions` [..., joints, 3] moved up or down until the lowest limb is at y = 0."""
    lowest = (positions[..., LIMBS, 1] - radii).min(axis=(-2, -1))
    return positions - lowest[..., None, None] * (0, 1, 0)
