"""The public names exist, importing the package is cheap, and the README's Python runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import mtl_lowres as mtl
from mtl_lowres.data.manifest import write_manifest

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize("name", mtl.__all__)
def test_every_public_name_resolves(name):
    assert getattr(mtl, name) is not None


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'modle'"):
        _ = mtl.modle


def test_import_is_cheap():
    program = (
        "import sys, mtl_lowres; assert not {'tensorflow', 'pandas', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_python_of_the_readme_runs(bars, tmp_path, monkeypatch):
    """With a manifest at the place that it names, in one epoch, and the export answers."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    manifest = bars[bars["split"] == "train"].drop(columns="split")
    write_manifest(manifest, tmp_path / "mine.csv")
    (tmp_path / "photo.jpg").write_bytes(Path(bars["path"][0]).read_bytes())
    names = {}
    # What a server answers is tested beside the export.
    for block in (block for block in blocks if "localhost" not in block):
        exec(block.replace("epochs=40", "epochs=1"), names)
    assert names["answer"]["ok"].numpy().all()
