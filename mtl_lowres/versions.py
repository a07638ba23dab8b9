"""The package versions that a run or an export depends on."""

import platform
from importlib import metadata

from mtl_lowres import __version__

_PACKAGES = ("tensorflow", "numpy", "pandas", "scikit-learn")


def versions() -> dict[str, str]:
    """Return the version of Python and of each package that decides a result."""
    found = {"mtl_lowres": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
