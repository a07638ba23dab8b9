"""A thermal camera: projection, drawing of limbs with volume and heat, background, sensor."""

from dataclasses import dataclass

import cv2
import numpy as np

from mtl_lowres.datasets.figure import LIMBS, PARTS

_ARC = np.linspace(-1, 1, 9)
_SUBPIXEL_BITS = 4
# Limbs are drawn from the rim to the core: share of the radius, degrees Celsius below the core.
# Skin seen at a grazing angle radiates less, which is what makes a limb look round.
_SHELLS = ((1.0, 2.2), (0.8, 0.8), (0.5, 0.0))


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks at a figure near the origin.

    `height` above the floor and `distance` from the figure are in metres, `aim` is the height in
    metres of the point it looks at, `roll` is in degrees, `focal` in image heights.
    """

    height: float
    distance: float
    aim: float
    roll: float
    focal: float

    def project(self, points: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return pixel positions [..., 2] (x right, y down) and depths [...] in metres.

        Args:
            points: float [..., 3] in metres.
            size: the side of the square image in pixels.
        """
        pitch = np.arctan2(self.height - self.aim, self.distance)
        ahead = (0, -np.sin(pitch), -np.cos(pitch))
        down = (0, -np.cos(pitch), np.sin(pitch))
        seen = points - (0, self.height, self.distance)
        x, y, depth = seen[..., 0], seen @ down, np.maximum(seen @ ahead, 0.1)
        cos, sin = np.cos(np.radians(self.roll)), np.sin(np.radians(self.roll))
        flat = np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)
        return size * (0.5 + self.focal * flat / depth[..., None]), depth


def random_camera(rng: np.random.Generator) -> Camera:
    """Return a camera at a random height and distance, aimed about a person's waist."""
    return Camera(
        height=rng.uniform(0.8, 2.4),
        distance=rng.uniform(3.1, 4.3),
        aim=rng.uniform(0.75, 1.1),
        roll=rng.normal(0, 1.5),
        focal=1.4,
    )


def random_fixed_camera(rng: np.random.Generator) -> Camera:
    """Return a camera whose place hardly varies, so that a person's height can be told."""
    return Camera(
        height=rng.uniform(1.3, 1.7),
        distance=rng.uniform(3.6, 3.9),
        aim=rng.uniform(0.9, 1.0),
        roll=rng.normal(0, 1.0),
        focal=1.4,
    )


def _outlines(ends: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Return the outlines [..., limbs, points, 2] of tapered capsules in the image.

    `ends` [..., limbs, 2, 2] and `radii` [..., limbs, 2] are in pixels. The straight sides
    are the outer tangents of the two end circles.
    """
    along = ends[..., 1, :] - ends[..., 0, :]
    length = np.maximum(np.hypot(along[..., 0], along[..., 1]), 1e-6)
    heading = np.arctan2(along[..., 1], along[..., 0])[..., None]
    narrowing = (radii[..., 0] - radii[..., 1]) / length
    tangent = np.arccos(np.clip(narrowing, -1, 1))[..., None]
    arcs = [heading + np.pi + _ARC * (np.pi - tangent), heading + _ARC * tangent]
    arcs = np.stack(arcs, axis=-2)
    circles = np.stack([np.cos(arcs), np.sin(arcs)], axis=-1) * radii[..., None, None]
    return (ends[..., None, :] + circles).reshape(*ends.shape[:-2], -1, 2)


def draw_figure(
    scenes: np.ndarray,
    camera: Camera,
    positions: np.ndarray,
    radii: np.ndarray,
    temperatures: np.ndarray,
) -> None:
    """Draw a figure into every frame of `scenes`, the far parts of the body first.

    Args:
        scenes: float32 [frames, size, size] in degrees Celsius, changed in place.
        camera: where it is seen from.
        positions: float [frames, joints, 3] in metres, from `figure.joint_positions`.
        radii: float [limbs, 2] in metres.
        temperatures: float [limbs] in degrees Celsius.
    """
    size = scenes.shape[-1]
    pixels, depth = camera.project(positions, size)
    ends, radii = pixels[:, LIMBS], radii * size * camera.focal / depth[:, LIMBS]
    shells = np.stack([_outlines(ends, radii * share) for share, _ in _SHELLS])
    shells = np.round(shells * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    heats = [(temperatures - drop).tolist() for _, drop in _SHELLS]
    distance = depth[:, LIMBS].mean(axis=-1)
    part_distance = np.stack([distance[:, limbs].mean(axis=1) for limbs in PARTS], axis=1)
    far_first = [limbs[np.argsort(-distance[:, limbs], kind="stable")] for limbs in PARTS]
    for frame, parts in enumerate(np.argsort(-part_distance, kind="stable").tolist()):
        for part in parts:
            limbs = far_first[part][frame].tolist()
            for shell, heat in zip(shells, heats, strict=True):
                for limb in limbs:
                    cv2.fillConvexPoly(
                        scenes[frame], shell[frame, limb], heat[limb], shift=_SUBPIXEL_BITS
                    )


def random_background(
    camera: Camera, size: int, rng: np.random.Generator, *, warmest: float = 23.0
) -> np.ndarray:
    """Return an empty room, float32 [size, size] in degrees Celsius.

    It has a wall with a smooth gradient, a floor of another temperature, uneven patches and, in
    every second room, something warm on the wall. `warmest` is the upper end of the temperatures
    of a room.
    """
    room = rng.uniform(16.5, warmest)
    slope_x, slope_y, floor = rng.normal(0, (1, 1.5, 1.2))
    across = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    scene = np.float32(room) + np.float32(slope_x) * across + np.float32(slope_y) * across[:, None]

    wall = -rng.uniform(0.8, 2.5)
    if rng.random() < 0.5:
        left, bottom = rng.uniform((-2.0, 0.1), (1.4, 1.6))
        right, top = (left, bottom) + rng.uniform(0.3, 0.8, size=2)
        corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
        _fill_patch(scene, camera, [(x, y, wall) for x, y in corners], room + rng.uniform(1.5, 6))
    far_left, far_right = camera.project(np.array([(-9, 0, wall), (9, 0, wall)]), size)[0]
    floor_area = np.array([far_left, far_right, (size * 9, size * 9), (-size * 9, size * 9)])
    mask = np.zeros((size, size), np.float32)
    cv2.fillConvexPoly(mask, np.round(floor_area).astype(np.int32), float(floor))
    scene += mask

    patches = rng.normal(0, 0.5, size=(5, 5)).astype(np.float32)
    return scene + cv2.resize(patches, (size, size), interpolation=cv2.INTER_CUBIC)


def _fill_patch(scene: np.ndarray, camera: Camera, corners: list, temperature: float) -> None:
    pixels, _ = camera.project(np.array(corners), len(scene))
    cv2.fillConvexPoly(scene, np.round(pixels).astype(np.int32), float(temperature))


def random_exposure(
    scenes: np.ndarray, size: int, rng: np.random.Generator, *, drift: float = 1.0
) -> np.ndarray:
    """Return what the sensor makes of `scenes`: uint8 [frames, size, size], hot is white.

    The optics blur, every pixel of every frame is noisy, every column has its own offset, and the
    range of temperatures that the camera shows differs a little from recording to recording.

    Args:
        scenes: float32 [frames, side, side] in degrees Celsius, `side` a multiple of `size`.
        size: the side of the picture in pixels.
        rng: the source of the noise.
        drift: by how many degrees Celsius the range differs either way.
    """
    side = scenes.shape[-1]
    blur = side / 128 * rng.uniform(0.7, 1.2)
    scenes = [cv2.GaussianBlur(scene, (0, 0), blur) for scene in scenes]
    if side != size:
        scenes = [cv2.resize(s, (size, size), interpolation=cv2.INTER_AREA) for s in scenes]
    columns = rng.standard_normal(size, dtype=np.float32) * np.float32(0.12)
    levels = rng.standard_normal((len(scenes), size, size), dtype=np.float32)
    levels *= np.float32(rng.uniform(0.2, 0.5))
    coldest, hottest = (12.0, 35.75) + drift * rng.uniform((-1, -0.75), (1, 0.75))
    levels += columns + np.float32(-coldest)
    levels += scenes
    levels *= np.float32(255 / (hottest - coldest))
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)
