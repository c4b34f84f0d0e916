"""The fact sheet's example documents, as a seller known to the sandbox would send them."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import sandbox

EXAMPLES = json.loads((Path(sandbox.__file__).parent / "data" / "example_documents.json").read_text())


def example(name: str) -> dict[str, Any]:
    """Return a copy of an example; its business is the sandbox's first."""
    return deepcopy(EXAMPLES[name])


def changed(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy with one value set, or taken out when it is ...; `path` is like ``invoice_line.0.item.name``."""
    copy = deepcopy(document)
    *way, last = path.split(".")
    place: Any = copy
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    if value is ...:
        del place[last]
    else:
        place[int(last) if last.isdigit() else last] = value
    return copy
