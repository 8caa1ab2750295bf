"""Fetches the viewer of volumes (NiiVue) with npm, as viewer.json pins it, and keeps the one file that pages need.

python envs/fetch_viewer.py envs/viewer.json envs/viewer/niivue.umd.js
"""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path


def fetch(pin, folder):
    """Return the path of the package's archive in a folder; npm's own configuration says where packages come from."""
    if shutil.which("npm") is None:
        sys.exit("no npm found, which fetches the viewer: install Node.js, or use the review pages, which need none.")
    name = f"{pin['package']}@{pin['version']}"
    command = ["npm", "pack", name, "--silent", "--pack-destination", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    found = sorted(Path(folder).glob("*.tgz"))
    if done.returncode or not found:
        sys.exit(f"npm could not fetch {name}: {done.stderr.strip() or 'it wrote no file'}. Is the network reachable?")
    return found[0]


def check(archive, pin):
    """Stop when an archive is not the one that was pinned."""
    kind, _, stated = pin["integrity"].partition("-")
    found = base64.b64encode(hashlib.new(kind, archive.read_bytes()).digest()).decode("ascii")
    if found != stated:
        sys.exit(f"{archive.name} is not what viewer.json pins: {kind} {found}, pinned {stated}. Nothing was kept.")


def keep(archive, member, path):
    """Write one member of an archive, whole or not at all."""
    with tarfile.open(archive) as packed:
        content = packed.extractfile(member).read()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(content)
    unfinished.replace(path)


if __name__ == "__main__":
    wanted = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as place:
        fetched = fetch(wanted, place)
        check(fetched, wanted)
        keep(fetched, wanted["member"], Path(sys.argv[2]))
