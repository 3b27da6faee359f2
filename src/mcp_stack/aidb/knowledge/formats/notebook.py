"""Jupyter notebooks: their text and code, without outputs."""

from __future__ import annotations

import json

from ....errors import UsageError
from ..chunking import chunk, title_of
from .parsed import Parsed


def read_notebook(text: str) -> Parsed:
    """The cells in order; code as fenced pieces.

    Args:
        text: The file: JSON of nbformat 3 or later.

    Raises:
        UsageError: It is no notebook, or has no cells.
    """
    try:
        notebook = json.loads(text)
        sheets = notebook.get("worksheets") or [notebook]
        cells = [_cell(cell) for sheet in sheets for cell in sheet["cells"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError("it is no Jupyter notebook", "export it again, or import its text") from error
    content = "\n\n".join(cell for cell in cells if cell.strip())
    if not content:
        raise UsageError("the notebook has no cells", "export it again, or import its text")
    return Parsed(title_of(content), content, chunk(content))


def _cell(cell: dict[str, object]) -> str:
    source = cell.get("source", cell.get("input", ""))
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    return f"```\n{text}\n```" if cell["cell_type"] == "code" and text.strip() else text
