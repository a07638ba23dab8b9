import itertools

import cv2
import numpy as np
import pandas as pd
import pytest

from mtl_lowres import InputError, read_dataset
from mtl_lowres.datasets.motions import ACTIONS, CLIP_POSTURES, IN_PLACE
from mtl_lowres.datasets.people_clips import _manifest, _plan, draw_clip, generate_clips
from mtl_lowres.datasets.population import random_member, spread_ages

SMALL = {"people": 12, "known": 4, "size": 16, "frames": 8}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return generate_clips(tmp_path_factory.mktemp("people") / "clips", 240, **SMALL)


@pytest.fixture(scope="module")
def member():
    return random_member(30.0, np.random.default_rng(1))


def contents(folder):
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_labels_lie_in_their_ranges(manifest):
    assert len(manifest) == 240
    names = manifest.attrs["classes"]
    assert names["posture"] == list(CLIP_POSTURES)
    assert names["action"] == list(ACTIONS)
    assert names["identity"] == ["person000", "person001", "person002", "person003"]
    for task, classes in names.items():
        assert sorted(manifest[task].dropna().unique()) == list(range(len(classes)))
        in_train = manifest.loc[manifest["split"] == "train", task].dropna()
        assert in_train.nunique() == len(classes)
    assert manifest["age"].dropna().between(4, 90).all()


def test_posture_goes_with_the_actions_that_have_one(manifest):
    labelled = manifest[manifest["action"].notna()]
    in_place = labelled["action"].map(lambda action: ACTIONS[action] in IN_PLACE)
    assert (labelled["posture"].notna() == in_place).all()


def test_action_does_not_give_posture_away(tmp_path):
    # In a cycle of 60 clips every action has six clips, those in place one in each posture. All
    # cells are seen in the file names and the drawing order, whatever is hidden from the labels.
    manifest = generate_clips(tmp_path / "clips", 60, **SMALL)
    drawn = [
        path.split("_", 1)[1].removesuffix(".npy")
        for path in manifest["path"].str.rsplit("/").str[-1]
    ]
    assert pd.Series(drawn).value_counts().eq(6).all()
    pairs = manifest[manifest["posture"].notna()].groupby(["action", "posture"]).size()
    assert pairs.max() == 1


def mutual_information(first, second):
    """Plug-in estimate in nats: the sum over cells of p(a, b) log(p(a, b) / (p(a) p(b)))."""
    joint = np.zeros((first.max() + 1, second.max() + 1))
    np.add.at(joint, (first, second), 1 / len(first))
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    seen = joint > 0
    return (joint[seen] * np.log(joint[seen] / independent[seen])).sum()


def test_one_label_tells_no_more_of_another_than_chance():
    manifest = _manifest(_plan(3000, 240, 20, seed=0), spread_ages(240), 20, ".npy")
    train = manifest[manifest["split"] == "train"].assign(age=manifest["age"] // 15)
    rng = np.random.default_rng(0)
    pairs = set(itertools.combinations(("posture", "action", "identity", "age"), 2))
    # One person has one age, so of this pair one label does tell the other.
    for pair in sorted(pairs - {("identity", "age")}):
        first, second = train[list(pair)].dropna().to_numpy(int).T
        by_chance = [mutual_information(first, rng.permutation(second)) for _ in range(50)]
        limit = np.mean(by_chance) + 4 * np.std(by_chance)
        assert mutual_information(first, second) < limit, pair


def test_splits_are_by_person_but_for_identity_by_clip(manifest):
    known = manifest["subject"].isin(manifest.attrs["classes"]["identity"])
    assert manifest.loc[~known, "identity"].isna().all()
    splits = manifest[~known].groupby("subject")["split"].agg(set)
    assert splits.map(len).eq(1).all()
    assert splits.map(min).value_counts().to_dict() == {"train": 6, "val": 1, "test": 1}

    assert (
        manifest.loc[known, "identity"].map("person{:03d}".format) == manifest.loc[known, "subject"]
    ).all()
    held_out = manifest[known & (manifest["split"] != "train")]
    assert held_out[["posture", "action", "age"]].isna().all(axis=None)
    for split in ("val", "test"):
        assert held_out.loc[held_out["split"] == split, "identity"].nunique() == 4
    others = manifest[~known | (manifest["split"] == "train")]
    assert others[["action", "age"]].notna().all(axis=None)
    assert manifest.groupby("subject")["age"].nunique().le(1).all()


def test_the_seed_decides_every_byte_whatever_the_workers(tmp_path):
    for name, workers, seed in (("a", 1, 5), ("b", 3, 5), ("c", 1, 6)):
        generate_clips(tmp_path / name, 20, seed=seed, workers=workers, **SMALL)
    first = contents(tmp_path / "a")
    assert first == contents(tmp_path / "b")
    clips = {data for name, data in first.items() if name.endswith(".npy")}
    assert len(clips) == 20
    assert clips.isdisjoint(contents(tmp_path / "c").values())


def test_more_samples_begin_with_the_same_clips(tmp_path):
    generate_clips(tmp_path / "few", 10, **SMALL)
    generate_clips(tmp_path / "many", 25, **SMALL)
    few, many = contents(tmp_path / "few"), contents(tmp_path / "many")
    clips = [name for name in few if name.endswith(".npy")]
    assert len(clips) == 10
    assert all(many[name] == few[name] for name in clips)


def test_generating_goes_on_where_it_stopped(tmp_path):
    generate_clips(tmp_path / "whole", 20, **SMALL)
    whole = contents(tmp_path / "whole")
    folder = tmp_path / "stopped"
    generate_clips(folder, 20, **SMALL)
    clips = sorted(folder.rglob("*.npy"))
    (folder / "manifest.csv").unlink()
    (folder / "manifest.classes.json").unlink()
    for clip in clips[::2]:
        clip.unlink()
    kept = clips[1].stat().st_mtime_ns
    with pytest.raises(InputError, match="seed=0, not 3"):
        generate_clips(folder, 20, seed=3, **SMALL)
    generate_clips(folder, 20, **SMALL)
    assert contents(folder) == whole
    assert clips[1].stat().st_mtime_ns == kept


@pytest.mark.parametrize("size", [16, 64, 100])
def test_frames_have_the_form_and_differ(tmp_path, size):
    manifest = generate_clips(tmp_path / "clips", 10, **{**SMALL, "frames": 9, "size": size})
    for path in manifest["path"]:
        clip = np.load(path)
        assert clip.shape == (9, size, size)
        assert clip.dtype == np.uint8
        assert (clip[0] != clip[1]).any()
        # Somebody warm, well above the room and below saturation.
        assert 20 < np.median(clip) < 150
        assert clip.max() > np.median(clip) + 25


def test_videos_hold_the_same_clips(tmp_path):
    options = {**SMALL, "size": 64}
    arrays = generate_clips(tmp_path / "arrays", 10, **options)
    videos = generate_clips(tmp_path / "Größe 人", 10, video=True, **options)
    assert videos.drop(columns="path").equals(arrays.drop(columns="path"))
    for array, video in zip(arrays["path"], videos["path"], strict=True):
        capture = cv2.VideoCapture(video)
        assert capture.get(cv2.CAP_PROP_FPS) == 8
        frames = np.stack([capture.read()[1] for _ in range(8)])
        assert not capture.read()[0]
        # JPEG loses some of the noise: 3 of 255 on average.
        assert np.abs(frames[..., 0].astype(float) - np.load(array)).mean() < 6


def test_people_who_move_change_more_than_people_who_do_not(member):
    change = {}
    for action in ACTIONS:
        clips = [
            draw_clip(member, action, "stand", 16, 32, np.random.default_rng(seed))
            for seed in range(4)
        ]
        frames = np.stack(clips).astype(float).reshape(4, 16, 8, 4, 8, 4).mean(axis=(3, 5))
        change[action] = frames.std(axis=1).max(axis=(1, 2)).mean()
    still = change.pop("still")
    assert min(change.values()) > 3 * still, (still, change)


def test_sitting_down_backwards_is_standing_up(member):
    """The centre of warmth sinks when sitting down and rises when standing up, alike."""

    def sinking(action, backwards=False):
        clips = [
            draw_clip(member, action, None, 16, 32, np.random.default_rng(seed)).astype(float)
            for seed in range(20)
        ]
        heights = []
        for clip in clips:
            warm = clip * (clip > np.median(clip) + 30)
            heights.append((warm.sum(axis=2) @ np.arange(32)) / warm.sum(axis=(1, 2)))
        heights = np.stack(heights)[:, :: -1 if backwards else 1]
        return (heights[:, -1] - heights[:, 0]).mean()

    assert sinking("sit_down") > 1.5
    assert sinking("stand_up") < -1.5
    assert sinking("stand_up", backwards=True) == pytest.approx(sinking("sit_down"), rel=0.25)


def test_reader_draws_clips_once_and_then_reads(tmp_path):
    folder = tmp_path / "clips"
    drawn = read_dataset("people", folder, samples=10, clips=True, **SMALL)
    before = contents(folder)
    again = read_dataset("people", folder)
    assert again.equals(drawn)
    assert again.attrs["classes"] == drawn.attrs["classes"]
    assert str(again["age"].dtype) == "float64"
    assert contents(folder) == before
    with pytest.raises(InputError, match="clips=True, not False"):
        read_dataset("people", folder, clips=False)
    with pytest.raises(InputError, match="frames=8, not 16"):
        read_dataset("people", folder, frames=16)


def test_options_of_the_other_kind_are_refused(tmp_path):
    with pytest.raises(InputError, match="known=4 is for clips"):
        read_dataset("people", tmp_path / "people", samples=10, known=4)
    with pytest.raises(InputError, match="postures=.* is for images"):
        read_dataset("people", tmp_path / "people", samples=10, clips=True, postures=("sit",))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "option, value",
    [
        ("samples", 9),
        ("samples", 20.5),
        ("people", 6),
        ("known", 1),
        ("frames", 7),
        ("size", 4),
        ("seed", -1),
        ("seed", True),
    ],
)
def test_bad_options_are_refused_and_nothing_is_written(tmp_path, option, value):
    with pytest.raises(InputError, match=f"{option}={value!r}: give a whole number of at least"):
        generate_clips(tmp_path / "clips", **{"samples": 20, **SMALL, option: value})
    assert not any(tmp_path.iterdir())
