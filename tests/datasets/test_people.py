import json

import cv2
import numpy as np
import pandas as pd
import pytest

from mtl_lowres import InputError, read_dataset
from mtl_lowres.datasets import generate_people
from mtl_lowres.datasets.figure import JOINT_INDEX, JOINTS, joint_positions, random_person
from mtl_lowres.datasets.postures import POSTURES
from mtl_lowres.datasets.thermal import Camera

SMALL = {"people": 3, "size": 32}


def contents(folder):
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_the_seed_decides_every_byte_whatever_the_workers(tmp_path):
    for name, workers, seed in (("a", 1, 5), ("b", 3, 5), ("c", 1, 6)):
        generate_people(tmp_path / name, 24, seed=seed, workers=workers, **SMALL)
    first = contents(tmp_path / "a")
    assert first == contents(tmp_path / "b")
    assert set(first.values()).isdisjoint(
        data for name, data in contents(tmp_path / "c").items() if name.endswith(".png")
    )


def test_more_samples_begin_with_the_same_pictures(tmp_path):
    generate_people(tmp_path / "few", 12, **SMALL)
    generate_people(tmp_path / "many", 30, **SMALL)
    few, many = contents(tmp_path / "few"), contents(tmp_path / "many")
    pictures = [name for name in few if name.endswith(".png")]
    assert len(pictures) == 12
    assert all(many[name] == few[name] for name in pictures)


@pytest.mark.parametrize("samples", [36, 40])
def test_counts_and_balance(tmp_path, samples):
    manifest = generate_people(tmp_path / "people", samples, **SMALL)
    assert len(manifest) == samples
    counts = manifest["posture"].value_counts()
    assert len(counts) == 12
    assert counts.max() - counts.min() <= 1
    pairs = manifest[:36].groupby(["posture", "subject"]).size()
    assert len(pairs) == 36
    assert pairs.eq(1).all()


def test_manifest_names_people_and_postures(tmp_path):
    manifest = generate_people(tmp_path / "people", 36, **SMALL)
    names = manifest.attrs["classes"]
    assert names["posture"] == list(POSTURES)
    assert len(POSTURES) == 12
    assert names["identity"] == sorted(manifest[manifest.split == "train"].subject.unique())
    for row in manifest.itertuples():
        if row.split == "train":
            assert row.subject == names["identity"][row.identity]
        else:
            assert pd.isna(row.identity)
        assert f"/{row.split}/{names['posture'][row.posture]}/{row.subject}_" in row.path


@pytest.mark.parametrize("people, held_out", [(3, 1), (8, 1), (24, 4)])
def test_split_is_by_person(tmp_path, people, held_out):
    manifest = generate_people(tmp_path / "people", people, people=people, size=8)
    split_of = manifest.groupby("subject")["split"].agg(set)
    assert split_of.map(len).eq(1).all()
    sizes = manifest.groupby("split")["subject"].nunique().to_dict()
    assert sizes == {"train": people - 2 * held_out, "val": held_out, "test": held_out}


@pytest.mark.parametrize("size", [16, 100, 128, 160])
def test_pictures_have_the_size_and_something_warm(tmp_path, size):
    manifest = generate_people(tmp_path / "people", 12, people=3, size=size)
    for path in manifest["path"]:
        picture = cv2.imread(path, cv2.IMREAD_UNCHANGED)
        assert picture.shape == (size, size)
        assert picture.dtype == np.uint8
        # Mostly room, some person: well above the background, well below saturation.
        assert 30 < np.median(picture) < 150
        assert picture.max() > np.median(picture) + 25


def test_one_posture_and_few_samples(tmp_path):
    manifest = generate_people(tmp_path / "people", 2, postures=("sit",), **SMALL)
    assert manifest["posture"].tolist() == [0, 0]
    assert manifest.attrs["classes"]["posture"] == ["sit"]


def test_reader_draws_once_and_then_reads(tmp_path):
    folder = tmp_path / "Größe 人"
    drawn = read_dataset("people", folder, samples=12, **SMALL)
    before = contents(folder)
    again = read_dataset("people", folder)
    assert again.equals(drawn)
    assert again.attrs["classes"] == drawn.attrs["classes"]
    assert read_dataset("people", folder, samples=12, postures=POSTURES).equals(drawn)
    assert contents(folder) == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [folder.name]
    assert json.loads((folder / "settings.json").read_text())["samples"] == 12


def test_the_folder_reader_reads_it_too(tmp_path):
    drawn = generate_people(tmp_path / "people", 36, **SMALL)
    with pytest.warns(UserWarning, match="files are left out"):
        seen = read_dataset("folder", tmp_path / "people")
    assert set(seen["path"]) == set(drawn["path"])
    assert sorted(seen.attrs["classes"]["posture"]) == sorted(POSTURES)


@pytest.mark.parametrize(
    "option, value",
    [
        ("samples", 0),
        ("samples", 2.5),
        ("people", 2),
        ("size", 4),
        ("seed", -1),
        ("postures", ("sit", "fly")),
        ("postures", ("sit", "sit")),
        ("postures", ()),
    ],
)
def test_bad_options_are_refused_and_nothing_is_written(tmp_path, option, value):
    options = {"samples": 12, **SMALL, option: value}
    with pytest.raises(InputError, match=f"{option}="):
        generate_people(tmp_path / "people", **options)
    assert not any(tmp_path.iterdir())


def test_folders_that_cannot_be_used(tmp_path):
    with pytest.raises(InputError, match="give samples="):
        read_dataset("people", tmp_path / "absent")
    generate_people(tmp_path / "people", 12, **SMALL)
    with pytest.raises(InputError, match="seed=0, not 1"):
        read_dataset("people", tmp_path / "people", seed=1)
    with pytest.raises(InputError, match="not an empty folder"):
        generate_people(tmp_path / "people", 12, **SMALL)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/photo.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="not a folder of generated people"):
        read_dataset("people", tmp_path / "mine", samples=12)
    assert contents(tmp_path / "mine") == {"photo.jpg": b""}


def posed(**angles):
    """Joint positions of a person 1 m tall with all widths average."""
    array = np.zeros((len(JOINTS), 3))
    for name, values in angles.items():
        array[JOINT_INDEX[name]] = values
    person = random_person(np.random.default_rng(0))
    widths = dict.fromkeys(("height", "shoulders", "hips", "girth", "head"), 1.0)
    person = type(person)(**widths, temperatures=person.temperatures)
    positions = joint_positions(array, person.offsets())
    return {name: positions[index] for name, index in JOINT_INDEX.items()}


def test_a_figure_at_rest_is_as_tall_as_the_person():
    joints = posed()
    # thigh 0.245 + shin 0.246 below the hip, which lies 0.01 below the pelvis.
    np.testing.assert_allclose(joints["left_ankle"], [0.052, -0.501, 0], atol=1e-12)
    np.testing.assert_allclose(joints["right_fingers"], [-0.1, 0.275 - 0.407, 0], atol=1e-12)


def test_angles_are_anatomical():
    # Forwards is towards the viewer, +z; the left is at +x.
    knee = posed(right_hip=(90, 0, 0))["right_knee"]
    np.testing.assert_allclose(knee, [-0.052, -0.01, 0.245], atol=1e-12)
    ankle = posed(left_knee=(90, 0, 0))["left_ankle"]
    np.testing.assert_allclose(ankle, [0.052, -0.255, -0.246], atol=1e-12)
    neck = posed(spine=(90, 0, 0))["neck"]
    np.testing.assert_allclose(neck, [0, 0.09, 0.215], atol=1e-12)
    for side, sign in (("left", 1), ("right", -1)):
        elbow = posed(**{f"{side}_shoulder": (0, 0, 90)})[f"{side}_elbow"]
        np.testing.assert_allclose(elbow, [sign * 0.286, 0.275, 0], atol=1e-12)
        knee = posed(**{f"{side}_hip": (90, 90, 0)})[f"{side}_knee"]
        np.testing.assert_allclose(knee, [sign * 0.297, -0.01, 0], atol=1e-12)


def test_joint_positions_keep_the_frames_of_a_clip():
    rng = np.random.default_rng(0)
    angles, offsets = rng.normal(0, 30, (4, len(JOINTS), 3)), random_person(rng).offsets()
    frames = joint_positions(angles, offsets)
    assert frames.shape == (4, len(JOINTS), 3)
    np.testing.assert_allclose(frames[2], joint_positions(angles[2], offsets), atol=1e-12)


def test_camera_projects_by_the_pinhole_rule():
    camera = Camera(height=1.0, distance=4.0, aim=1.0, roll=0.0, focal=2.0)
    points = np.array([[0.0, 1.0, 0.0], [0.4, 1.0, 0.0], [0.0, 1.4, 2.0]])
    pixels, depth = camera.project(points, 100)
    # 100 * 2 / 4 = 50 pixels a metre at the origin, twice that at half the distance; y is down.
    np.testing.assert_allclose(pixels, [[50, 50], [70, 50], [50, 10]], atol=1e-9)
    np.testing.assert_allclose(depth, [4, 4, 2])
    # A raised camera keeps what it aims at in the middle.
    raised = Camera(height=3.0, distance=4.0, aim=1.0, roll=10.0, focal=2.0)
    np.testing.assert_allclose(raised.project(points[0], 100)[0], [50, 50], atol=1e-9)
