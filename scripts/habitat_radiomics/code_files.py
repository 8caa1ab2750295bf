"""Which of our own source files a script reaches, so that its jobs run again when one of them changes."""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = "habitat_radiomics"


def code_files(script):
    """List ``script`` and every module of the package it imports, directly or not.

    Parameters
    ----------
    script : str or Path
        Entry script; the package lies beside it.

    Returns
    -------
    list of str
        The script first, then its modules sorted by path.
    """
    script = Path(script)
    found, waiting = set(), {script}
    while waiting:
        file = waiting.pop()
        new = set(_imported_files(file, script.parent)) - found
        found |= new
        waiting |= new
    return [str(script), *sorted(map(str, found))]


def code_hashes(script):
    """Return the SHA-256 of every file of `code_files`, by path relative to the script's folder."""
    folder = Path(script).parent
    return {str(Path(file).relative_to(folder)): file_sha256(file) for file in code_files(script)}


@cache
def file_sha256(file):
    """Return the SHA-256 of a file's bytes; asked for once in a process."""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


@cache
def _imported_files(file, folder):
    """Files of the package named in the import statements of ``file``, also those inside functions."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    paths = (folder / Path(*name.split(".")) for name in names if name.split(".")[0] == PACKAGE)
    return frozenset(path.with_suffix(".py") for path in paths if path.with_suffix(".py").is_file())
