"""Where the results of a study come from: software, code, configuration and inputs."""

import ast
import hashlib
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

UNIMPORTED = ("pyarrow", "snakemake")  # used without an import statement in the scripts


def provenance_record(*, config, scripts, workflow, scans, tables, results):
    """Return the record: no times, hosts or absolute paths, so that equal studies give equal bytes.

    Parameters
    ----------
    config : dict
        Configuration as completed.
    scripts : list of path
        Python files of the workflow; the packages they import are listed.
    workflow : path
        Folder of the workflow, whose commit is named.
    scans : dict
        ``<patient>.<sequence>`` to the hashes of image and masks; those without (simulated images) are left out.
    tables : dict
        Name to path of the study's own tables.
    results : list of path
        Files whose hashes are listed.
    """
    known = {name: hashes for name, hashes in scans.items() if hashes["image"]}
    commit, modified = repository_state(workflow)
    return {
        "config": config,
        "versions": {"python": platform.python_version(), **package_versions(scripts)},
        "commit": commit,
        "modified": modified,
        "inputs": {"scans": known, "tables": {name: sha256(path) for name, path in tables.items()}},
        "results": {str(path): sha256(path) for path in sorted(map(str, results))},
    }


def checksum_list(hashes):
    """Return hashes (path to SHA-256) as the text that ``sha256sum --check`` reads."""
    return "".join(f"{digest}  {path}\n" for path, digest in hashes.items())


def package_versions(scripts):
    """Return the installed version of every package that the scripts import, and of the engines behind them."""
    owners = metadata.packages_distributions()
    modules = set().union(*map(imported_modules, scripts)) - sys.stdlib_module_names
    names = {name for module in modules for name in owners.get(module, [])} | set(UNIMPORTED)
    return {name: metadata.version(name) for name in sorted(names, key=str.lower)}


def imported_modules(script):
    """Return the top-level modules named in the import statements of a Python file."""
    found = set()
    for node in ast.walk(ast.parse(Path(script).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def repository_state(folder):
    """Return the commit of the git repository at ``folder`` and whether tracked files differ from it.

    ``(None, None)`` when the folder is not the top of a repository or git is not installed: a commit of a repository
    around it would say nothing about this code.
    """
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != Path(folder).resolve():
        return None, None
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return commit, None if commit is None else bool(changes)


def _git(folder, *arguments):
    """Return what a git command prints; None when it fails or git is not installed."""
    try:
        answer = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def sha256(path):
    """Return the SHA-256 of a file's bytes."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
