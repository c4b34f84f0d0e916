"""Files packed as evidence: one zip, the same bytes for the same content, with a manifest of hashes."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

MANIFEST = "manifest.json"
# The earliest time that a zip can hold: the files' own times are inside them, and packing again changes nothing.
EPOCH = (1980, 1, 1, 0, 0, 0)


def bundle_of(files: Mapping[str, bytes], *, about: Mapping[str, Any]) -> bytes:
    """Return a zip of the files by name, with a manifest: `about`, then each file's SHA-256 and size in bytes."""
    listed = [
        {"name": name, "sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}
        for name, body in sorted(files.items())
    ]
    manifest = json_bytes({**about, "files": listed})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, body in [(MANIFEST, manifest), *sorted(files.items())]:
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # otherwise it says on which kind of machine it was packed
            archive.writestr(entry, body, compresslevel=6)
    return packed.getvalue()


def json_bytes(value: Any) -> bytes:
    """Return a value as JSON that people can read, its keys in order; times and decimals as text."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str) + "\n").encode()
