"""Small JSON files that hold what a step depends on, rewritten only when their content changes.

They are inputs of the rules, so that Snakemake reruns by content: one file per step with its settings, one per
patient and sequence with the hashes of its image and masks.
"""

import hashlib
import json
import os
from pathlib import Path


def as_json(value):
    """Return ``value`` as JSON text with sorted keys: equal values, equal bytes."""
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def write_if_changed(path, text):
    """Write ``text`` to ``path`` (temporary name, then rename) unless the file already holds it."""
    path = Path(path)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


class FileFacts:
    """SHA-256 and header of source files, remembered by path, size and modification time.

    Parameters
    ----------
    path : str or Path
        JSON file that keeps the facts between runs.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.known = json.loads(self.path.read_text(encoding="utf-8")) if self.path.is_file() else {}
        self.used = {}

    def sha256(self, file):
        """Return the SHA-256 of the file's bytes."""
        return self._fact(file, "sha256", _sha256)

    def geometry(self, file, read_header):
        """Return what ``read_header(file)`` says: a dict, or ``{"unreadable": reason}``."""
        return self._fact(file, "geometry", read_header)

    def save(self):
        """Keep the facts of the files asked for in this run."""
        write_if_changed(self.path, as_json(self.used))

    def _fact(self, file, name, compute):
        status = Path(file).stat()
        stamp = [status.st_size, status.st_mtime_ns]
        entry = self.used.get(str(file)) or self.known.get(str(file), {})
        if entry.get("stamp") != stamp:
            entry = {"stamp": stamp}
        if name not in entry:
            entry[name] = compute(file)
        self.used[str(file)] = entry
        return entry[name]


def _sha256(file):
    with Path(file).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
