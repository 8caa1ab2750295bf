"""Files that are whole or not there: written under a temporary name in the same folder, then renamed."""

import os
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path):
    """Give a temporary name for ``path``; rename it at the end, or remove what was written when writing fails.

    Two processes that write the same file never mix, and a reader never sees half of it. Folders are created.
    The ending of the name stays, because writers of images and figures choose their format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".unfinished-{os.getpid()}-{path.name}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def replace_bytes(path, content):
    """Write bytes to a file."""
    with whole_file(path) as unfinished:
        unfinished.write_bytes(content)


def replace_text(path, text):
    """Write text to a file, as UTF-8."""
    replace_bytes(path, text.encode())
