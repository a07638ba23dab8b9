"""Stored unit features: the rule, the values of a sample, and files that cannot be used."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from mtl_lowres.data.clips import parse_clip
from mtl_lowres.data.units import UnitLoader, read_units
from mtl_lowres.errors import InputError

WIDTH = 3


def _save(path, array):
    np.save(path, np.asarray(array, np.float32))
    return str(path)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "Merkmale ü"
    folder.mkdir()
    return folder


def _loader(folder, spatial, temporal=None, rule="units(4, 3)"):
    """Return the loader of one row."""
    row = {"path": _save(folder / "a.npy", spatial)}
    if temporal is not None:
        row["flow"] = _save(folder / "b.npy", temporal)
    return UnitLoader(pd.DataFrame([row]), parse_clip(rule))


def test_the_rule_is_a_clip_text():
    sequence = parse_clip("units( 20,4096 )")
    assert sequence.text == "units(20, 4096)" and sequence == parse_clip("units(20, 4096)")
    assert sequence.shape((112, 112)) == (20, 8192)
    assert sequence.frames == 20 and sequence.flow is None and sequence.deterministic


@pytest.mark.parametrize("text", ["units(0, 4)", "units(4, 0)", "units(4)", "units(2, 2.5)"])
def test_unusable_rules_are_refused(text):
    with pytest.raises(InputError, match=r"clip 'units\("):
        parse_clip(text)


def test_units_have_length_one_and_zeros_behind(folder):
    """3, 4 and 0 have the length 5; a unit of zeros stays one."""
    loader = _loader(folder, [[3, 4, 0], [0, 0, 0]], [[0, 0, 9], [6, 0, 8]])
    batch, ok = loader(tf.constant([0, 0]), 0)
    assert loader.shape == (4, 6) and loader.shapes == {"lr": (4, 6)} and loader.repeatable
    assert batch["lr"].shape == (2, 4, 6) and batch["lr"].dtype == tf.float32 and all(ok)
    expected = [[0.6, 0.8, 0, 0, 0, 1], [0, 0, 0, 0.6, 0, 0.8], [0] * 6, [0] * 6]
    np.testing.assert_allclose(batch["lr"][1], expected, atol=1e-7)


def test_a_long_video_is_cut_evenly_in_both_streams(folder):
    """The middle ones of 2 equal parts of 6 units are 1 and 4."""
    units = np.eye(6)
    loader = _loader(folder, units, units[::-1], "units(2, 6)")
    (sample,) = loader(tf.constant([0]), 0)[0]["lr"].numpy()
    np.testing.assert_array_equal(sample[:, :6], units[[1, 4]])
    np.testing.assert_array_equal(sample[:, 6:], units[[4, 1]])


@pytest.mark.parametrize("count", [2, 4])
def test_a_flow_of_one_unit_more_or_fewer_is_fitted(folder, count):
    loader = _loader(folder, np.ones((3, WIDTH)), np.eye(4, WIDTH)[:count] + [0, 0, 1])
    (sample,) = loader(tf.constant([0]), 0)[0]["lr"].numpy()
    assert sample[:, 3:].any(axis=1).tolist() == [True, True, count == 4, False]


def test_both_streams_may_lie_side_by_side(folder):
    spatial, temporal = np.ones((2, WIDTH)), np.eye(2, WIDTH)
    single = _loader(folder, np.hstack([spatial, 7 * temporal]))(tf.constant([0]), 0)[0]["lr"]
    np.testing.assert_array_equal(
        single, _loader(folder, spatial, temporal)(tf.constant([0]), 0)[0]["lr"]
    )


def test_without_any_flow_the_second_half_is_zeros(folder):
    loader = _loader(folder, np.ones((2, WIDTH)))
    with pytest.warns(UserWarning, match="one stream and there is no column 'flow': the other one"):
        (sample,) = loader(tf.constant([0]), 0)[0]["lr"].numpy()
    np.testing.assert_allclose(sample[:2, :3], 3**-0.5, rtol=1e-6)
    assert not sample[2:].any() and not sample[:, 3:].any()


def test_bad_rows_are_left_out_with_their_reason(folder):
    good, flow = np.ones((2, WIDTH)), _save(folder / "flow.npy", np.ones((2, WIDTH)))
    cases = {
        "no such file": (str(folder / "gone.npy"), flow),
        "not a regular file": (str(folder), flow),
        r"empty file \(0 bytes\)": (str(folder / "empty.npy"), flow),
        "not a .npy file of unit features: starts with b'RIFF": (str(folder / "v.npy"), flow),
        "corrupt or truncated .npy: ": (str(folder / "cut.npy"), flow),
        r"must be \[units, 3\], not \(2, 4\)": (_save(folder / "w.npy", np.ones((2, 4))), flow),
        r"must be \[units, 3\], not \(3,\)": (_save(folder / "1.npy", np.ones(3)), flow),
        "an array without units": (_save(folder / "0.npy", np.ones((0, 3))), flow),
        r"NaN or infinite values, the first in unit 1": (
            _save(folder / "nan.npy", [[1, 1, 1], [1, np.nan, 1]]),
            flow,
        ),
        "unit features are floats, not int64": (str(folder / "int.npy"), flow),
        r"its flow .*missing.npy: no such file": (_save(folder / "a.npy", good), "missing.npy"),
        "no file of flow: fill in the column 'flow'": (_save(folder / "b.npy", good), None),
        r"5 units, but its flow .*flow.npy has 2": (_save(folder / "5.npy", np.ones((5, 3))), flow),
    }
    (folder / "empty.npy").touch()
    (folder / "v.npy").write_bytes(b"RIFF....AVI ")
    content = (folder / "flow.npy").read_bytes()
    (folder / "cut.npy").write_bytes(content[:-5])
    np.save(folder / "int.npy", np.ones((2, 3), np.int64))
    rows = [(_save(folder / "good.npy", good), flow), *cases.values()]
    loader = UnitLoader(pd.DataFrame(rows, columns=["path", "flow"]), parse_clip("units(4, 3)"))
    batch, ok = loader(tf.range(len(rows)), 0)
    assert ok.numpy().tolist() == [True] + [False] * len(cases)
    assert not batch["lr"][1:].numpy().any()
    for row, reason in enumerate(cases, 1):
        pytest.raises(ValueError, loader._read, row).match(reason)
        assert "\n" not in loader.explain(row)


def test_pickles_are_not_opened(folder):
    np.save(folder / "p.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_units(folder / "p.npy", 3)


def test_large_values_do_not_overflow(folder):
    units = read_units(_save(folder / "a.npy", [[3e30, 4e30]]), 2)
    np.testing.assert_allclose(units, [[0.6, 0.8]], rtol=1e-6)


def test_the_fingerprint_follows_the_rule_and_both_files(folder):
    def fingerprint(count, rule):
        return _loader(folder, np.ones((2, 3)), np.ones((count, 3)), rule).fingerprint()

    names = [fingerprint(2, "units(4, 3)"), fingerprint(3, "units(4, 3)")]
    names.append(fingerprint(3, "units(5, 3)"))
    assert len(set(names)) == 3
