"""Put pyradiomics' test images and baseline tables, from its own source archive, where the tests look for them.

    .venv/bin/python envs/unpack_test_images.py tests/cache/pyradiomics

The archive is the one the environment was built from: same version, same hash, same package index (pip's own
settings decide which). It holds MR images of brain and breast and the values pyradiomics' authors published.
"""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
WANTED = re.compile(
    r"(data/(brain1|brain2|breast1)_(image|label)\.nrrd|data/baseline/[^/]+\.csv|LICENSE[^/]*)",
)


def main(target):
    """Download with the pinned hash, unpack the wanted files, and move the finished folder into place."""
    target = Path(target)
    if target.is_dir():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpacking-") as folder:
        archive = _download(Path(folder))
        content = Path(folder) / "content"
        _unpack(archive, content)
        content.replace(target)


def _download(folder):
    requirement = folder / "pyradiomics.txt"
    requirement.write_text(_pinned("pyradiomics"), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
    # pip builds the metadata of what it downloads; pyradiomics needs the installed numpy and setuptools for it
    options = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--require-hashes"]
    environment = {**os.environ, "PYTHONPATH": str(HERE / "build-shim")}
    command = [*pip, *options, "--dest", folder, "--requirement", requirement]
    if subprocess.run(command, env=environment).returncode:
        sys.exit(
            "pip could not download the source archive of pyradiomics (its message is above): without it the tests use"
            " ../shared/data or skip what needs real MR images. Check the package index pip uses and run this again."
        )
    (archive,) = folder.glob("pyradiomics-*.tar.gz")
    return archive


def _pinned(package):
    """Return the lines of requirements.txt (version and hashes) of one package."""
    lines = (HERE / "requirements.txt").read_text(encoding="utf-8")
    return re.search(rf"^{package}==.*?(?<!\\)$", lines, re.MULTILINE | re.DOTALL).group()


def _unpack(archive, folder):
    """Write the wanted files of the archive, images and licence beside each other, tables in ``baseline/``."""
    with tarfile.open(archive) as members:
        for member in members:
            name = member.name.partition("/")[2]
            if member.isfile() and WANTED.fullmatch(name):
                path = folder / name.removeprefix("data/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(members.extractfile(member).read())


if __name__ == "__main__":
    main(*sys.argv[1:])
