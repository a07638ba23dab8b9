"""Lists as they are passed around, on generated images."""

import cv2
import numpy as np
import pytest

from mtl_lowres import InputError, read_dataset
from mtl_lowres.datasets.alignment import align_face, face_points

NAMES = ["0000045/001.jpg", "0000045/002.jpg", "0000099/001.jpg", "0000099/a b.jpg"]
POINTS = face_points(size=(112, 96)).round().astype(int) + (4, 1)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "CASIA ü"
    rng = np.random.default_rng(0)
    for name in [*NAMES, "0000100/001.jpg"]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        image = rng.integers(0, 256, (120, 110, 3), np.uint8)
        (root / name).write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return root


def _write(folder, lines):
    path = folder.parent / "faces.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _numbers(separator):
    return separator.join(map(str, POINTS.ravel()))


LISTS = {
    "cleaned": [f"CASIA-WebFace/{name} {label}" for name, label in zip(NAMES, "0011", strict=True)],
    "low resolution": [f"{name},{_numbers(',')}" for name in NAMES],
    "pytorch": [
        f"{name}\t{label}\t" + _numbers("\t") for name, label in zip(NAMES, "5577", strict=True)
    ],
    "names": [*NAMES, ""],
}


@pytest.mark.parametrize("form", LISTS)
def test_every_form_of_list(folder, form):
    manifest = read_dataset("webface", folder, faces=_write(folder, LISTS[form]))
    assert manifest["path"].tolist() == [str(folder / name) for name in NAMES]
    assert manifest["subject"].tolist() == ["0000045"] * 2 + ["0000099"] * 2
    assert manifest["identity"].tolist() == [0, 0, 1, 1]
    assert manifest.attrs["classes"] == {"identity": ["0000045", "0000099"]}


def test_without_a_list_all_images_are_read(folder):
    (folder / "readme.jpg").write_bytes(b"")
    manifest = read_dataset("webface", folder)
    assert manifest["identity"].tolist() == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("form", ["low resolution", "pytorch"])
def test_faces_are_aligned_by_the_points_of_the_list(folder, tmp_path, form):
    options = {"aligned": tmp_path / "chips", "aligned_size": (112, 96)}
    manifest = read_dataset("webface", folder, faces=_write(folder, LISTS[form]), **options)
    chip = cv2.imread(manifest["path"][1])
    image = cv2.imdecode(np.fromfile(folder / NAMES[1], np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(chip, align_face(image, POINTS, size=(112, 96)))


def test_points_from_another_list(folder, tmp_path):
    points = folder.parent / "points.csv"
    points.write_text(LISTS["low resolution"][0])
    options = {"aligned": tmp_path / "chips", "aligned_side": 64, "landmarks": points}
    manifest = read_dataset("webface", folder, faces=_write(folder, LISTS["cleaned"]), **options)
    assert cv2.imread(manifest["path"][3]).shape == (64, 64, 3), "of the median points"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0000045/001.jpg,1,2,3,4,5,6,7,8", r"faces.txt line 2: .*five points x,y, .*\(8 numbers"),
        ("0000045/001.jpg" + ",5" * 10, "line 2: .* five points that are one"),
        ("0000045/001.jpg x", "line 2: .* has something else than numbers"),
        ("0000045/gone.jpg 0", "line 2: there is no image .*gone.jpg"),
        ("0000045/readme.txt 0", "line 2: .* is not an image with a label"),
        ("001.jpg 0", "line 2: '001.jpg' has no folder"),
        ("0000099/001.jpg 1", "line 2: '0000099/001.jpg' is also in line 1"),
        ("0000045/001.jpg 1", r"line 2: folder '0000045' has label 1, but .* 1 was '0000099'"),
    ],
)
def test_lines_that_cannot_be_used(folder, line, message):
    path = _write(folder, ["0000099/001.jpg 1", line])
    with pytest.raises(InputError, match=message) as error:
        read_dataset("webface", folder, faces=path)
    assert "\n" not in str(error.value)


def test_errors(folder, tmp_path):
    with pytest.raises(InputError, match="gone.txt: cannot be read"):
        read_dataset("webface", folder, faces=tmp_path / "gone.txt")
    with pytest.raises(InputError, match="has no line"):
        read_dataset("webface", folder, faces=_write(folder, [""]))
    with pytest.raises(InputError, match="has no points, which aligning needs"):
        read_dataset(
            "webface", folder, faces=_write(folder, LISTS["cleaned"]), aligned=tmp_path / "chips"
        )
    with pytest.raises(InputError, match="needs landmarks"):
        read_dataset("webface", folder, aligned=tmp_path / "chips")
    with pytest.raises(InputError, match="has no image <person>/<image>"):
        read_dataset("webface", tmp_path / "absent")
