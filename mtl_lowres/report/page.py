"""One self-contained HTML page from its sections."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from plotly.offline import get_plotlyjs

from mtl_lowres.files import replacing
from mtl_lowres.report import style


def write_page(path: str | Path, title: str, body: Iterable[str]) -> Path:
    """Write a page, whole or not at all, and return its path.

    Args:
        path: of the page.
        title: as plain text.
        body: sections in HTML, in order; empty ones are left out.
    """
    page = style.PAGE.substitute(
        title=escape(title),
        style=style.STYLE,
        body="\n".join(filter(None, body)),
        plotly=get_plotlyjs(),
        script=style.SCRIPT,
    )
    with replacing(Path(path)) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return Path(path)
