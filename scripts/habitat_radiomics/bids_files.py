"""Files of a BIDS dataset: names taken apart into entities, sidecars with inheritance, masks among the "
"derivatives."""

import json
from dataclasses import dataclass
from pathlib import Path

from habitat_radiomics.faults import StudyFault

ENDINGS = (".nii.gz", ".nii")
MASK_SUFFIXES = ("mask", "dseg", "roi")


@dataclass(frozen=True)
class BidsFile:
    """One file: path, entities (``sub``, ``ses``, ``acq``, ...) and suffix (``T1w``, ``mask``, ...)."""

    path: Path
    entities: dict
    suffix: str
    words: tuple = ()

    def __getitem__(self, entity):
        return self.entities.get(entity)


def bids_file(path):
    """Take a file name apart: ``sub-01_acq-tra_T1w.nii.gz`` has entities sub and acq, and the suffix T1w.

    Words between them that are no entity (``sub-01_T1w_mask``) are kept as ``words``.
    """
    stem = path.name
    for ending in (*ENDINGS, ".json"):
        stem = stem.removesuffix(ending)
    *parts, suffix = stem.split("_")
    entities = dict(part.split("-", 1) for part in parts if "-" in part)
    return BidsFile(path, entities, suffix, tuple(part for part in parts if "-" not in part))


def raw_images(folder):
    """Return the images of a dataset: sub-*/[ses-*/]TYPE/*.nii.gz, masks not among them, in the order of paths."""
    return [file for file in _images(Path(folder)) if not _is_mask(file)]


def derived_masks(folder):
    """Return the masks below derivatives/, and those that lie among the images."""
    derivatives = Path(folder, "derivatives")
    pipelines = sorted(part for part in derivatives.glob("*") if part.is_dir())
    files = [file for part in (Path(folder), derivatives, *pipelines) for file in _images(part)]
    return [file for file in files if _is_mask(file)]


def _images(folder):
    paths = sorted(path for path in folder.glob("sub-*/**/*") if path.name.endswith(ENDINGS))
    return [bids_file(path) for path in paths]


def _is_mask(file):
    return file.suffix in MASK_SUFFIXES or "mask" in file.path.name.casefold()


def sidecar(file, folder):
    """Return the metadata of a file: JSON files from the dataset's folder down to the file's, the nearest wins.

    A sidecar applies when its suffix is that of the file and its entities are among the file's (BIDS' inheritance).

    Raises
    ------
    StudyFault
        If a sidecar is no JSON.
    """
    metadata = {}
    between = [
        folder,
        *reversed([part for part in file.path.parents if part.is_relative_to(folder) and part != folder]),
    ]
    for part in between:
        for path in sorted(part.glob(f"*{file.suffix}.json"), key=lambda path: len(path.name)):
            other = bids_file(path)
            if other.suffix == file.suffix and other.entities.items() <= file.entities.items():
                metadata |= _json(path)
    return metadata


def _json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StudyFault(f"{path} is no JSON ({error}). Correct the sidecar.") from error
