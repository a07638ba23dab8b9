"""Transforms against hand-made ones and least squares; chips against slices of the image."""

import json
import os

import cv2
import numpy as np
import pytest

from mtl_lowres.datasets.alignment import (
    align_face,
    align_files,
    face_points,
    read_landmarks,
    similarity_transform,
)
from mtl_lowres.errors import InputError


def test_template_is_centred_and_scaled():
    """The template's mean is (48.02616, 71.90078), its left eye at (30.2946, 51.6963)."""
    points = face_points(150, 1.4)
    np.testing.assert_allclose(points.mean(axis=0), [75, 75])
    left_eye = [75 + 1.4 * (30.2946 - 48.02616), 75 + 1.4 * (51.6963 - 71.90078)]
    np.testing.assert_allclose(points[0], left_eye)
    np.testing.assert_allclose(face_points(300, 1.4), 2 * points)


def test_template_as_published_and_scaled():
    """The left eye of SphereFace's 112x96 template and of ArcFace's 112x112 one."""
    np.testing.assert_allclose(face_points(size=(112, 96))[0], (30.2946, 51.6963))
    np.testing.assert_allclose(face_points(size=(112, 112))[0], (38.2946, 51.6963))
    np.testing.assert_allclose(face_points(size=(28, 24)), face_points(size=(112, 96)) / 4)
    np.testing.assert_allclose(face_points(size=(60, 48))[0], (30.2946 / 2, 51.6963 / 2 + 2))


def test_similarity_transform_made_by_hand():
    """Turned by 30 degrees, doubled, moved by (5, -7)."""
    cos, sin = np.sqrt(3) / 2, 0.5
    expected = np.array([[2 * cos, -2 * sin, 5], [2 * sin, 2 * cos, -7]])
    source = np.array([(0, 0), (4, 0), (1, 3), (-2, 5), (7, 1)], float)
    target = source @ expected[:, :2].T + expected[:, 2]
    np.testing.assert_allclose(similarity_transform(source, target), expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_similarity_transform_of_inexact_points(seed):
    """The best a, b, x, y of (a x - b y + x, b x + a y + y), a linear problem."""
    rng = np.random.default_rng(seed)
    source = rng.uniform(0, 100, (5, 2))
    target = source @ [[0.8, -0.4], [0.4, 0.8]] + rng.normal(0, 4, (5, 2))
    one, zero = np.ones(5), np.zeros(5)
    x, y = source.T
    equations = np.concatenate(
        [np.column_stack([x, -y, one, zero]), np.column_stack([y, x, zero, one])]
    )
    a, b, right, down = np.linalg.lstsq(equations, target.T.ravel(), rcond=None)[0]
    expected = [[a, -b, right], [b, a, down]]
    np.testing.assert_allclose(similarity_transform(source, target), expected, atol=1e-9)


def test_similarity_transform_never_mirrors():
    source = face_points()
    mirrored = source * (-1, 1)
    assert np.linalg.det(similarity_transform(source, mirrored)[:, :2]) > 0


@pytest.mark.parametrize(
    ("source", "message"),
    [(np.ones((5, 2)), "all in one place"), (np.ones((5, 3)), r"must be \[k, 2\]")],
)
def test_points_that_fix_nothing(source, message):
    with pytest.raises(ValueError, match=message):
        similarity_transform(source, face_points())


def test_a_face_in_place_is_cut_out_and_edges_repeat():
    image = np.random.default_rng(0).integers(0, 256, (150, 150, 3), np.uint8)
    chip = align_face(image, face_points(150) + (5, -4), side=150)
    rows, columns = np.clip(np.arange(150) - 4, 0, 149), np.clip(np.arange(150) + 5, 0, 149)
    np.testing.assert_array_equal(chip, image[rows][:, columns])


def test_a_face_is_cut_out_at_any_size():
    image = np.random.default_rng(0).integers(0, 256, (130, 120, 3), np.uint8)
    points = face_points(size=(112, 96)) + (7, 4)
    chip = align_face(image, points, size=(112, 96))
    np.testing.assert_array_equal(chip, image[4:116, 7:103])
    assert align_face(image, points, size=(14, 12)).shape == (14, 12, 3)


def test_a_face_on_its_side_is_turned_upright():
    upright = cv2.GaussianBlur(
        np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8), (0, 0), 2
    )
    # A quarter turn to the left leads (x, y) to (y, 63 - x).
    points = face_points(64)[:, ::-1] * (1, -1) + (0, 63)
    np.testing.assert_array_equal(align_face(np.rot90(upright).copy(), points, 64), upright)


def test_a_large_face_is_averaged_in_place():
    """At a quarter of its size a ramp keeps its values, and fine stripes become their mean."""
    ramp = np.tile(np.arange(600) * 0.4, (600, 1))[..., np.newaxis].repeat(3, 2)
    chip = align_face(ramp.astype(np.uint8), 4 * face_points(150), side=150)
    expected = 4 * np.arange(2, 148) * 0.4
    assert np.abs(chip[75, 2:148, 0] - expected).max() <= 1.0
    stripes = np.zeros((600, 600, 3), np.uint8)
    stripes[:, ::2] = 255
    chip = align_face(stripes, 4 * face_points(150) * 1.01, side=150)
    assert np.abs(chip[2:-2, 2:-2].astype(int) - 127).max() < 45


def _write_faces(folder, count=3):
    folder.mkdir(parents=True, exist_ok=True)
    rng, files, lines = np.random.default_rng(0), {}, []
    for number in range(count):
        name = f"ä {number}.jpg"
        image = rng.integers(0, 256, (80, 80, 3), np.uint8)
        (folder / name).write_bytes(cv2.imencode(".png", image)[1].tobytes())
        files[name] = folder / name
        points = face_points(80) + (number, 0)
        lines.append(",".join([name, *map(str, points.ravel())]))
    (folder / "landmarks.csv").write_text("\n".join(lines), encoding="utf-8")
    return files, folder / "landmarks.csv"


@pytest.fixture
def faces(tmp_path):
    return _write_faces(tmp_path / "Gesichter ü")


def _read(path):
    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)


def test_files_are_written_losslessly(faces, tmp_path):
    files, landmarks = faces
    chips = align_files(files, landmarks, tmp_path / "aus", side=80)
    assert [chip.name for chip in chips] == [f"{name}.png" for name in files]
    points = read_landmarks(landmarks)
    for chip, (name, file) in zip(chips, files.items(), strict=True):
        np.testing.assert_array_equal(_read(chip), align_face(_read(file), points[name], 80))


def test_settings_are_recorded(faces, tmp_path):
    align_files(*faces, tmp_path / "square", side=80)
    align_files(*faces, tmp_path / "template", size=(112, 96))
    square, template = (
        json.loads((tmp_path / name / "alignment.json").read_text())
        for name in ("square", "template")
    )
    assert square.pop("landmarks_sha256") == template.pop("landmarks_sha256")
    assert square == {"side": 80, "zoom": 1.4} and template == {"size": [112, 96]}


def test_only_missing_files_are_written_again(faces, tmp_path):
    first, second, third = align_files(*faces, tmp_path / "out", side=80)
    os.utime(first, (1, 1))
    content = second.read_bytes()
    second.unlink()
    align_files(*faces, tmp_path / "out", side=80)
    assert first.stat().st_mtime == 1 and second.read_bytes() == content


def test_a_face_without_landmarks_gets_the_median_ones(faces, tmp_path):
    """Of points shifted by 0, 1 and 2 pixels, that is by 1."""
    files, landmarks = faces
    files = {"unknown": files["ä 0.jpg"]}
    (chip,) = align_files(files, landmarks, tmp_path / "out", side=80)
    expected = align_face(_read(files["unknown"]), face_points(80) + (1, 0), 80)
    np.testing.assert_array_equal(_read(chip), expected)


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_a_broken_file_stands_for_itself(faces, tmp_path, content):
    files, landmarks = faces
    files["ä 1.jpg"].write_bytes(content)
    chips = align_files(files, landmarks, tmp_path / "out", side=80)
    assert chips[1] == files["ä 1.jpg"]
    assert chips[2].exists()


def test_other_settings_and_other_folders_are_refused(faces, tmp_path):
    files, landmarks = faces
    align_files(files, landmarks, tmp_path / "out", side=80)
    with pytest.raises(InputError, match="out: was aligned with side=80, not 64"):
        align_files(files, landmarks, tmp_path / "out", side=64)
    with pytest.raises(InputError, match=r"aligned with zoom=1\.4, not 1\.0"):
        align_files(files, landmarks, tmp_path / "out", side=80, zoom=1.0)
    with pytest.raises(InputError, match="holds something else than aligned faces"):
        align_files(files, landmarks, landmarks.parent, side=80)
    with pytest.raises(InputError, match="side=0"):
        align_files(files, landmarks, tmp_path / "new", side=0)
    with pytest.raises(InputError, match=r"aligned with size=None, not \[112, 96\]"):
        align_files(files, landmarks, tmp_path / "out", size=(112, 96))
    with pytest.raises(InputError, match=r"size=\(112, 4\): give \(height, width\)"):
        align_files(files, landmarks, tmp_path / "new", size=(112, 4))
    landmarks.write_text(landmarks.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="landmarks_sha256"):
        align_files(files, landmarks, tmp_path / "out", side=80)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no line"),
        ("a.jpg,1,2,3", "line 1: 'a.jpg,1,2,3' is not a name and five points"),
        ("a.jpg,1,2,3,4,5,6,7,8", "line 1: .* is not a name and five points"),
        ("a.jpg,1,nan,3,4,5,6,7,8,9,9", "line 1: .*nan.* is not a name .* finite"),
        ("a.jpg,1,2,1,2,1,2,1,2,1,2", "line 1: .* not all one"),
        ("a.jpg,1,2,3,4,5,6,7,8,9,10\nb.jpg,1,2,3,4,5,6,7,8,9,x", "line 2: 'b.jpg"),
        (None, "cannot be read"),
    ],
)
def test_landmarks_that_cannot_be_used(tmp_path, text, message):
    path = tmp_path / "points.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_landmarks(path)
