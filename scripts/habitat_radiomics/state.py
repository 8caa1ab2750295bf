"""Small JSON files that hold what a step depends on, rewritten only when their content changes.

They are inputs of the rules, so that Snakemake reruns by content: one file per step with its settings, one per
patient and sequence with the hashes of its image and masks. What a file held before stays in a folder of earlier
versions, named by its SHA-256: Snakemake records the SHA-256 of every input of a finished job, so that what has changed
since then can be told in words, however often the files were written in between.
"""

import hashlib
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from habitat_radiomics.whole_files import replace_bytes


def as_json(value):
    """Return ``value`` as JSON text with sorted keys: equal values, equal bytes."""
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def write_if_changed(path, text, *, earlier=None, may_change=lambda path: None):
    """Write ``text`` to ``path`` unless the file already holds it.

    Parameters
    ----------
    earlier : str or Path, optional
        Folder that keeps what the file held before, named by its SHA-256.
    may_change : callable
        Called with the path before a file is replaced; raises where that must not happen now.
    """
    path = Path(path)
    content = text.encode()
    before = path.read_bytes() if path.is_file() else None
    if before == content:
        return
    if before is not None:
        may_change(path)
        if earlier is not None:
            replace_bytes(Path(earlier, hashlib.sha256(before).hexdigest()), before)
    replace_bytes(path, content)


@contextmanager
def put_back(folders, *, unless=lambda: False):
    """Leave the files of some folders, at the end, as they were: same content, same date, none more and none fewer.

    For looking ahead: what is written inside the block is only written for its duration. Files must be replaced as
    `write_if_changed` does it, not written in place.

    Parameters
    ----------
    unless : callable
        Asked at the end: true where somebody else has begun to need the files, which then stay.
    """
    folders = [Path(folder) for folder in folders]
    above = next(folder for folder in folders[0].resolve().parents if folder.is_dir())
    missing = [folder for folder in folders if not folder.is_dir()]
    with tempfile.TemporaryDirectory(dir=above, prefix=".before-") as kept:
        copies = {folder: Path(kept, str(number)) for number, folder in enumerate(folders) if folder not in missing}
        for folder, copy in copies.items():
            shutil.copytree(folder, copy, copy_function=os.link)
        try:
            yield
        finally:
            if not unless():
                _undo(missing, copies)


def _undo(missing, copies):
    for folder in missing:
        shutil.rmtree(folder, ignore_errors=True)
    for folder, copy in copies.items():
        _restore(folder, copy)


def _restore(folder, copy):
    """Undo what was added to or replaced in a folder of which ``copy`` holds links to the files it had."""
    for path in sorted(folder.rglob("*"), reverse=True):
        before = copy / path.relative_to(folder)
        if path.is_dir() and not before.is_dir():
            path.rmdir()
        elif path.is_file() and not before.is_file():
            path.unlink()
    for before in copy.rglob("*"):
        path = folder / before.relative_to(copy)
        if before.is_file() and not (path.is_file() and path.samefile(before)):
            before.replace(path)


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
