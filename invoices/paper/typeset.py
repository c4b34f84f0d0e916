"""Sets the sheet as a PDF, or as pictures of its pages, with one kept compiler.

The texts reach the template as JSON data and are shown as they stand: nothing that somebody typed is ever code. They
come as one string in a source of two lines, because whatever is given in `sys_inputs` becomes part of the compiler's
library, and with another library it uses nothing again of what it set before.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import typst

TEMPLATE = Path(__file__).with_name("invoice.typ")
SOURCE = '#import "/{template}": invoice\n#invoice(json(bytes({sheet})))\n'
# For archives: everything needed to show it is inside, and a file could be attached.
ARCHIVAL = "a-3b"

_lock = Lock()


def set_pdf(sheet: dict[str, Any], *, made_at: datetime) -> bytes:
    """Return the PDF of a sheet; the same sheet and time give the same bytes.

    It is PDF/A-3b. A sheet with a letter that the shipped typefaces lack is set with the machine's own typefaces and
    is then a plain PDF, because an archive's page must not show a gap.
    """
    at = int(made_at.timestamp())
    try:
        pages = _compile(sheet, has_system_fonts=False, format="pdf", pdf_standards=ARCHIVAL, timestamp=at)
    except typst.TypstError:
        pages = _compile(sheet, has_system_fonts=True, format="pdf", timestamp=at)
    assert isinstance(pages, bytes)  # noqa: S101 - a PDF is one file
    return pages


def set_pictures(sheet: dict[str, Any], *, ppi: float = 144) -> list[bytes]:
    """Return each page as a PNG."""
    pages = _compile(sheet, has_system_fonts=False, format="png", ppi=ppi)
    return [pages] if isinstance(pages, bytes) else list(pages)


def _compile(sheet: dict[str, Any], *, has_system_fonts: bool, **options: Any) -> Any:
    # The inner JSON is ASCII without control characters; a string of that is written alike in JSON and in the source.
    source = SOURCE.format(template=TEMPLATE.name, sheet=json.dumps(json.dumps(sheet)))
    with _lock:  # the compiler takes one source at a time
        return _compiler(has_system_fonts).compile(source.encode(), **options)


@cache
def _compiler(has_system_fonts: bool) -> typst.Compiler:
    return typst.Compiler(root=TEMPLATE.parent, ignore_system_fonts=not has_system_fonts)
