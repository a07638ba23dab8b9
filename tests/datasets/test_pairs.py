import pandas as pd
import pytest

from mtl_lowres import InputError, read_dataset
from mtl_lowres.datasets.pairs import deal_folds, pair_manifest, pair_rows


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "Ordner ü"
    (root / "ä").mkdir(parents=True)
    for name in ("ä/1.jpg", "ä/2.jpg", "b 1.jpg", "c.jpg"):
        (root / name).write_bytes(b"")
    return root


def _write(folder, text, encoding="utf-8"):
    path = folder / "pairs.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_pairs_with_folds(folder):
    path = _write(
        folder,
        "first,second,same,fold,note\n"
        "ä/1.jpg,ä/2.jpg,1,1,x\nä/1.jpg,b 1.jpg,0,1,\nc.jpg,c.jpg,1,2,\nb 1.jpg,c.jpg,0,2,\n",
        "utf-8-sig",
    )
    manifest = read_dataset("pairs", path)
    assert list(manifest) == ["path", "pair", "same", "fold"]
    assert manifest["path"].tolist()[:4] == [
        str(folder / name) for name in ("ä/1.jpg", "ä/2.jpg", "ä/1.jpg", "b 1.jpg")
    ]
    assert manifest["pair"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert manifest["same"].tolist() == [1, 1, 0, 0, 1, 1, 0, 0]
    assert manifest["fold"].tolist() == [1] * 4 + [2] * 4
    assert (manifest.dtypes[["pair", "same", "fold"]] == "Int64").all()


def test_folds_are_dealt_out_within_each_kind(folder):
    assert deal_folds([1, 1, 1, 0, 0, 1], folds=2) == [1, 2, 1, 1, 2, 2]
    assert deal_folds([1] * 12 + [0] * 11)[:12] == [*range(1, 11), 1, 2]
    assert deal_folds([1, 1, 1, 0, 0]) == [1, 2, 1, 1, 2], "as many folds as the rarer kind"
    path = _write(folder, "first,second,same\nä/1.jpg,ä/2.jpg,1\nc.jpg,c.jpg,1\nc.jpg,ä/1.jpg,0\n")
    assert read_dataset("pairs", path)["fold"].tolist() == [1] * 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column 'first', only"),
        ("first,second\n", "has no column 'same'"),
        ("first,second,same\n", "has no pair"),
        ("first,second,same\nc.jpg,gone.jpg,1\n", r"line 2: there is no file .*gone.jpg \(second"),
        ("first,second,same\nc.jpg,c.jpg,1\n,c.jpg,1\n", "line 3: first is empty"),
        ("first,second,same\nc.jpg,c.jpg,yes\n", "line 2: same is 'yes': write 1 for one person"),
        ("first,second,same\nc.jpg,c.jpg\n", "line 2: same is ''"),
        ("first,second,same,fold\nc.jpg,c.jpg,1,0\n", "line 2: fold is '0': write a whole number"),
        ("first,second,same,fold\nc.jpg,c.jpg,1,\n", "line 2: fold is ''"),
        ("first,second,same\nc.jpg,c.jpg,1\n", "fold 1 has only pairs of one person"),
        (
            "first,second,same,fold\nc.jpg,c.jpg,1,1\nc.jpg,ä/1.jpg,0,2\n",
            "pairs.csv: fold 1 has only pairs of one person",
        ),
    ],
)
def test_files_that_cannot_be_used(folder, text, message):
    with pytest.raises(InputError, match=message) as error:
        read_dataset("pairs", _write(folder, text))
    assert "\n" not in str(error.value)


def test_missing_and_foreign_files(folder):
    with pytest.raises(InputError, match="gone.csv: cannot be read"):
        read_dataset("pairs", folder / "gone.csv")
    with pytest.raises(InputError, match="is not UTF-8"):
        read_dataset("pairs", _write(folder, "first,second,same\nä.jpg,c.jpg,1\n", "latin-1"))


def test_rows_of_pairs_need_not_lie_together():
    manifest = pair_manifest(["a", "c"], ["b", "d"], [1, 0], [1, 1]).iloc[[0, 2, 3, 1]]
    first, second = pair_rows(manifest)
    assert (first.tolist(), second.tolist()) == ([0, 1], [3, 2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pair": [0, 0, 0, 1]}, r"row 0 .*pair 0 has 3 rows: give two"),
        ({"pair": [0, 0, 1, None]}, "row 3 .*pair is ''"),
        ({"same": [1, 0, 0, 0]}, "row 1 .*pair 0 has another same or fold"),
        ({"same": [1, 1, 2, 2]}, "row 2 .*same is '2': write 1 for one person"),
        ({"fold": [1, 1, "x", "x"]}, "row 2 .*fold is 'x': write a whole number from 1"),
        ({"fold": None}, "has no column 'fold'"),
    ],
)
def test_manifests_that_are_none_of_pairs(changes, message):
    manifest = pair_manifest(["a", "c"], ["b", "d"], [1, 0], [1, 1])
    for column, values in changes.items():
        manifest = manifest.drop(columns=column)
        if values is not None:
            manifest[column] = pd.Series(values, dtype=object)
    with pytest.raises(InputError, match=message):
        pair_rows(manifest)
