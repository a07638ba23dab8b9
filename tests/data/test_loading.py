"""How many bad files are tolerated is a share; anything else is refused before files are read."""

import pytest
from click.testing import CliRunner

from mtl_lowres.cli import main
from mtl_lowres.data.loading import BadFiles
from mtl_lowres.errors import InputError


@pytest.mark.parametrize("budget", [0, 0.25, 1.0])
def test_a_share_is_a_budget(budget):
    assert BadFiles(4, budget).budget == budget


@pytest.mark.parametrize("budget", [7, -0.1, float("nan"), float("inf"), "0.1", None])
def test_anything_else_is_none(budget):
    with pytest.raises(
        InputError, match="--bad-file-budget, must be a number from 0 to 1"
    ) as error:
        BadFiles(4, budget)
    assert str(error.value).endswith(f"got {budget!r}")


@pytest.mark.parametrize("budget", ["7", "nan"])
def test_commands_refuse_it_in_one_line(budget, tmp_path):
    (tmp_path / "a.csv").write_text("path\na.png\n")
    command = ["pack", "--out", str(tmp_path / "out"), "--manifest", str(tmp_path / "a.csv")]
    done = CliRunner().invoke(main, [*command, "--bad-file-budget", budget])
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert "--bad-file-budget" in line and line.endswith(f"got {float(budget)}")
    assert not (tmp_path / "out").exists()
