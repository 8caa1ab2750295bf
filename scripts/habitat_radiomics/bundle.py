"""The models of a study as one file: a zip archive of stated members, each with its SHA-256 in a manifest.

Its bytes depend on its content only. It is checked whole before anything in it is used: a member that was changed, is
missing or does not belong, and objects of types this workflow never writes, are refused.
"""

import hashlib
import io
import json
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from habitat_radiomics.bundle_config import applied_config, learnt_members
from habitat_radiomics.faults import StudyFault

FORMAT, VERSION = "habitat-radiomics bundle", 1
MANIFEST = "manifest.json"
RANGES = "model/training.json"
TEXTS = ("README.txt", "config.json", "needs.json", RANGES)
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
MEMBER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*")
LARGEST_BYTES = 2**30
AGAIN = "Get it again from those who made it; nothing of it was used."
UNREADABLE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError)


@dataclass(frozen=True)
class Bundle:
    """A checked bundle: its manifest, and the bytes of every member by name."""

    manifest: dict
    members: dict

    @property
    def config(self):
        """Configuration that travels with the models, see `bundle_config.kept_config`."""
        return self.json("config.json")

    def json(self, name):
        """Content of a JSON member."""
        return json.loads(self.members[name])


def bundle_bytes(members, about):
    """Return the archive of members; equal content gives equal bytes.

    Parameters
    ----------
    members : dict
        Name to bytes, `TEXTS` and `bundle_config.learnt_members` among them.
    about : dict
        Further entries of the manifest: study, versions, code.
    """
    files = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    manifest = {**about, "format": FORMAT, "version": VERSION, "files": files}
    manifest["digest"] = manifest_digest(manifest)
    text = json.dumps(manifest, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as out:
        for name, content in sorted({**members, MANIFEST: text.encode()}.items()):
            out.writestr(zipfile.ZipInfo(name, ZIP_DATE), content)
    return archive.getvalue()


def manifest_digest(manifest):
    """Return the SHA-256 of a manifest without its own digest."""
    entries = {name: value for name, value in manifest.items() if name != "digest"}
    return hashlib.sha256(json.dumps(entries, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def with_bundle(config, *, objects):
    """Return a configuration or, where it names a bundle, that of the bundle with the study's own data.

    Parameters
    ----------
    objects : bool
        Check the types of the fitted objects too (imports scikit-learn).

    Raises
    ------
    StudyFault
    """
    if not config.get("bundle"):
        return config
    return applied_config(config, read_bundle(config["bundle"], objects=objects).config)


def read_bundle(path, *, objects=True):
    """Read and check a bundle.

    Parameters
    ----------
    objects : bool
        Check the types of the fitted objects too.

    Raises
    ------
    StudyFault
        That says which member is at fault, and what to do.
    """
    name = Path(path).name
    members = _members(path, name)
    manifest = _manifest(members.pop(MANIFEST), name)
    _check_files(members, manifest["files"], name)
    bundle = Bundle(manifest, members)
    absent = [member for member in (*TEXTS, *learnt_members(bundle.config)) if member not in members]
    if absent:
        raise StudyFault(f"{name} is incomplete: it lacks {absent[0]}. {AGAIN}")
    if objects:
        _check_objects(members, name)
    return bundle


def _members(path, name):
    """Bytes of every member of an archive whose names and sizes are harmless."""
    if not Path(path).is_file():
        raise StudyFault(f"the bundle {path} does not exist. Name the file that a study wrote as model/bundle.zip.")
    try:
        with zipfile.ZipFile(path) as archive:
            _check_names(archive.infolist(), name)
            return {member: archive.read(member) for member in archive.namelist()}
    except UNREADABLE as error:
        raise StudyFault(f"{name} is damaged, or no bundle ({error}). {AGAIN}") from error


def _check_names(entries, name):
    names = [entry.filename for entry in entries]
    strange = [member for member in names if not MEMBER_NAME.fullmatch(member)]
    if strange:
        raise StudyFault(f"{name} has the member {strange[0]!r}, a name that no bundle has. {AGAIN}")
    if len(set(names)) < len(names):
        raise StudyFault(f"{name} has two members of one name. {AGAIN}")
    if MANIFEST not in names:
        raise StudyFault(f"{name} is not a bundle of this workflow: it has no {MANIFEST}. {AGAIN}")
    if sum(entry.file_size for entry in entries) > LARGEST_BYTES:
        raise StudyFault(f"{name} would unpack to more than {LARGEST_BYTES >> 20} MB. {AGAIN}")


def _manifest(content, name):
    """Manifest of a format and version that this code can read, unchanged."""
    try:
        manifest = json.loads(content)
    except ValueError as error:
        raise StudyFault(f"{name}: {MANIFEST} cannot be read ({error}). {AGAIN}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise StudyFault(f"{name} is not a bundle of this workflow: its {MANIFEST} does not say so. {AGAIN}")
    if manifest.get("version") != VERSION:
        raise StudyFault(
            f"{name} has version {manifest.get('version')} of the format, and this workflow reads version {VERSION}. "
            "Use the version of the workflow that wrote it, or a newer one."
        )
    if manifest.get("digest") != manifest_digest(manifest):
        raise StudyFault(f"{name}: {MANIFEST} was changed after the bundle was written. {AGAIN}")
    return manifest


def _check_files(members, files, name):
    """Members are those of the manifest, byte for byte."""
    for member in sorted(set(files) - set(members)):
        raise StudyFault(f"{name} is incomplete: it lacks {member}. {AGAIN}")
    for member in sorted(set(members) - set(files)):
        raise StudyFault(f"{name} has the member {member}, which its {MANIFEST} does not list. {AGAIN}")
    for member, content in sorted(members.items()):
        if hashlib.sha256(content).hexdigest() != files[member]:
            raise StudyFault(f"{name}: {member} was changed after the bundle was written. {AGAIN}")


def _check_objects(members, name):
    from habitat_radiomics.persist import check_object

    for member, content in sorted(members.items()):
        if member.endswith(".skops"):
            try:
                check_object(f"{name}: {member}", content)
            except ValueError as fault:
                raise StudyFault(str(fault)) from fault
