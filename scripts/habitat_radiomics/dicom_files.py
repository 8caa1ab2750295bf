"""Find DICOM files below a folder, whatever its layout: headers are read, pixels are not."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError

from habitat_radiomics.dicom_privacy import identifying_elements, identifying_values, words

# real scanners write values longer than the standard allows; nothing is written as DICOM here, so reading is lenient
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

STRUCTURES, SEGMENTATION = "RTSTRUCT", "SEG"
KEYWORDS = words(
    "AcquisitionNumber DiffusionBValue EchoNumbers EchoTime FrameOfReferenceUID ImageType InstanceNumber "
    "InstitutionName InversionTime BurnedInAnnotation Modality PatientAge PatientBirthDate PatientID PatientName "
    "PatientSex SeriesDescription SeriesInstanceUID SOPInstanceUID StructureSetLabel StudyDate StudyInstanceUID "
    "TemporalPositionIdentifier TriggerTime"
)


@dataclass(frozen=True)
class Frame:
    """One slice: centre of its first voxel (mm, patient coordinates), row and column cosines, spacing, rows, columns.

    ``spacing_mm`` is DICOM's: between rows first, between columns second.
    """

    position_mm: tuple
    orientation: tuple
    spacing_mm: tuple
    shape: tuple


@dataclass(frozen=True)
class Instance:
    """One DICOM file: path, header values as text by keyword (absent when empty), and its slices."""

    path: str
    values: dict
    frames: tuple = ()

    def __getitem__(self, keyword):
        return self.values.get(keyword, "")


@dataclass
class Found:
    """What a folder holds.

    Attributes
    ----------
    instances : list of Instance
        In the order of their paths.
    others : list of str
        Files that are no DICOM.
    tags : dict
        (tag, keyword, reason) to Counter of ``files`` and the set of ``patients`` of identifying elements with a value.
    identifiers : set of str
        Values that must not appear in any output.
    """

    instances: list = field(default_factory=list)
    others: list = field(default_factory=list)
    tags: dict = field(default_factory=lambda: defaultdict(lambda: {"files": 0, "patients": set()}))
    identifiers: set = field(default_factory=set)


def scan_folder(folder, *, keywords=()):
    """Read the headers of all DICOM files below ``folder``.

    Parameters
    ----------
    folder : str or Path
        Any layout; series are told apart by their UIDs, never by folders or names.
    keywords : iterable of str
        Header values to keep beyond `KEYWORDS`.

    Returns
    -------
    Found
    """
    found = Found()
    for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
        header = read_header(path)
        if header is None:
            found.others.append(str(path))
        elif "SOPInstanceUID" in header:  # a DICOMDIR has none
            found.instances.append(_instance(path, header, keywords))
            _note_identifying(found, header)
    return found


def read_header(path):
    """Return the header of a DICOM file without its pixels, or None when it is no DICOM file."""
    try:
        return pydicom.dcmread(path, stop_before_pixels=True, force=_begins_like_a_header(path))
    except (InvalidDicomError, EOFError):
        return None


def _begins_like_a_header(path):
    """Old exports lack the 128-byte preamble and begin with an element of group 8 (little or big endian)."""
    with path.open("rb") as stream:
        return stream.read(4) in (b"\x08\x00\x00\x00", b"\x08\x00\x05\x00", b"\x08\x00\x08\x00", b"\x00\x08\x00\x05")


def _instance(path, header, keywords):
    values = {keyword: _text(header.get(keyword)) for keyword in (*KEYWORDS, *keywords)}
    return Instance(str(path), {keyword: text for keyword, text in values.items() if text}, frames_of(header))


def _text(value):
    """Return a header value as text, several values joined as DICOM does."""
    if value is None:
        return ""
    parts = value if isinstance(value, pydicom.multival.MultiValue) else [value]
    return "\\".join(str(part) for part in parts).strip()


def frames_of(header):
    """Return the slices of an image; empty for files without geometry (structures, reports, scouts without position).

    Enhanced (multi-frame) images state geometry in functional groups, once for all frames or for each.
    """
    if header.get("Modality") in (STRUCTURES, SEGMENTATION) or "Rows" not in header:
        return ()
    shape = (int(header.Rows), int(header.Columns))
    groups = header.get("PerFrameFunctionalGroupsSequence")
    if groups is None:
        frames = [_frame(header, header, header, shape)]
    else:
        shared = header.get("SharedFunctionalGroupsSequence") or [pydicom.Dataset()]
        frames = [_frame(*(_group(name, group, shared[0]) for name in GROUPS), shape) for group in groups]
    return () if None in frames else tuple(frames)


GROUPS = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")


def _group(name, own, shared):
    return (own.get(name) or shared.get(name) or [pydicom.Dataset()])[0]


def _frame(position, orientation, measures, shape):
    values = (
        position.get("ImagePositionPatient"),
        orientation.get("ImageOrientationPatient"),
        measures.get("PixelSpacing"),
    )
    if not all(values):
        return None
    return Frame(*(tuple(map(float, value)) for value in values), shape)


def _note_identifying(found, header):
    patient = _text(header.get("PatientID"))
    for key in identifying_elements(header):
        found.tags[key]["files"] += 1
        found.tags[key]["patients"].add(patient)
    found.identifiers |= identifying_values(header)


def series_of(instances):
    """Return the instances by series UID."""
    groups = defaultdict(list)
    for instance in instances:
        groups[instance["SeriesInstanceUID"]].append(instance)
    return dict(groups)


def is_image(instance):
    """Whether the file holds slices (and is not a structure set, segmentation or report)."""
    return bool(instance.frames)


def describe_series(instances):
    """Return a series in words: description, number of files, modality and the folder of its first file."""
    first = instances[0]
    modality = ", ".join(Counter(instance["Modality"] for instance in instances))
    name = first["SeriesDescription"] or "without description"
    return f"series '{name}' ({modality}, {len(instances)} files, first {first.path}, UID {first['SeriesInstanceUID']})"
