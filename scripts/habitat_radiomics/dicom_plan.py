"""Which series of a patient is which sequence, and which structure set or segmentation was drawn on it."""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import highdicom
import pydicom

from habitat_radiomics.dicom_files import SEGMENTATION, STRUCTURES, describe_series, is_image, series_of
from habitat_radiomics.dicom_segmentations import segmented_series
from habitat_radiomics.dicom_structures import named_slices, referenced_series
from habitat_radiomics.faults import DataFault
from habitat_radiomics.import_mapping import matches, reading_of
from habitat_radiomics.sheets import number

OLDEST_AGE = 90  # years; older ages can identify a person
DAYS_PER_YEAR = {"Y": 365.25, "M": 30.4375, "W": 7, "D": 1}


@dataclass
class Drawing:
    """One file that holds a mask: structure set or segmentation, and the reading it is."""

    instance: object
    reader: str
    repeat: str


@dataclass
class PlannedScan:
    """One sequence of one patient: the slices chosen for it, and the drawings on them."""

    sequence: str
    instances: list
    drawings: list = field(default_factory=list)

    @property
    def series(self):
        """UID of the series."""
        return self.instances[0]["SeriesInstanceUID"]


@dataclass
class PatientPlan:
    """What is imported of one patient.

    Attributes
    ----------
    patient_id : str
        PatientID of the files.
    scans : dict
        Sequence to `PlannedScan`.
    faults : list of (str, str, DataFault)
        Sequence (empty: of the patient), file or series, and what is wrong.
    notes : list of (str, str)
        Sequence and what a reader of the study should know; names nobody.
    """

    patient_id: str
    scans: dict = field(default_factory=dict)
    faults: list = field(default_factory=list)
    notes: list = field(default_factory=list)


def plan_patients(found, mapping):
    """Return a plan for every patient that has a series of the mapping.

    Parameters
    ----------
    found : dicom_files.Found
        Files.
    mapping : dict
        As of `import_mapping.read_mapping`.

    Returns
    -------
    list of PatientPlan
        In the order of PatientID.
    """
    patients = defaultdict(list)
    for instance in found.instances:
        if not is_skipped(instance, mapping["skip"]):
            patients[instance["PatientID"]].append(instance)
    return [_patient_plan(patient, patients[patient], mapping) for patient in sorted(patients)]


def is_skipped(instance, skip):
    """Whether the user named this file, its series or itself to be left out."""
    path = Path(instance.path)
    return bool({instance["SeriesInstanceUID"], instance["SOPInstanceUID"], path.name, str(path)} & skip)


def _patient_plan(patient, instances, mapping):
    plan = PatientPlan(patient)
    series = series_of([instance for instance in instances if is_image(instance)])
    persons = _person_faults(patient, instances)
    for sequence, chosen in mapping["sequences"].items():
        _plan_sequence(plan, sequence, chosen, series)
    if plan.scans or plan.faults:
        if persons:
            return PatientPlan(patient, faults=[("", instances[0].path, fault) for fault in persons])
        _check_shared(plan)
        _plan_drawings(plan, instances, mapping)
    return plan


def _person_faults(patient, instances):
    if not patient:
        return [
            DataFault(
                "patient_unnamed", "the file has no PatientID. Write one into it, or leave the file out (`skip`)."
            )
        ]
    births = sorted({instance["PatientBirthDate"] for instance in instances} - {""})
    if len(births) < 2:
        return []
    return [
        DataFault(
            "patient_mixed",
            f"files of this PatientID state {len(births)} dates of birth: two persons may share it. Correct PatientID "
            "in the files of one of them, or leave them out (`skip`).",
        )
    ]


def _plan_sequence(plan, sequence, chosen, series):
    candidates = []
    for instances in series.values():
        kept = [instance for instance in instances if _is_chosen(instance, chosen)]
        if kept:
            candidates.append(kept)
    if len(candidates) == 1:
        plan.scans[sequence] = PlannedScan(sequence, candidates[0])
    if len(candidates) > 1:
        listed = "; ".join(describe_series(instances) for instances in candidates)
        message = (
            f"{len(candidates)} series match: {listed}. Make the expression in the mapping narrower, add `where` "
            "(such as StudyDate or ImageType), or put the UID of the others under `skip`."
        )
        plan.faults.append((sequence, candidates[0][0].path, DataFault("series_ambiguous", message)))


def _is_chosen(instance, chosen):
    described = matches(chosen["series"], instance["SeriesDescription"])
    return described and all(_states(instance[keyword], text) for keyword, text in chosen["where"].items())


def _states(value, text):
    """Whether one of the values of an element is the one asked for, as text or as a number (11 is 11.0)."""
    asked = number(text)
    return any(part == text or (asked is not None and number(part) == asked) for part in value.split("\\"))


def _check_shared(plan):
    """Refuse, and leave out, a sequence that takes the same files as an earlier one."""
    owners = {}
    for sequence, scan in list(plan.scans.items()):
        first = owners.setdefault(frozenset(instance.path for instance in scan.instances), sequence)
        if first != sequence:
            message = (
                f"{describe_series(scan.instances)} is also taken for {first}. Make one of the two expressions in the "
                "mapping narrower."
            )
            plan.faults.append((sequence, scan.instances[0].path, DataFault("series_shared", message)))
            del plan.scans[sequence]


# drawings -----------------------------------------------------------------------------------------------------------


def read_drawing(path):
    """Return a structure set or segmentation as pydicom (and, for segmentations, highdicom) reads it."""
    dataset = pydicom.dcmread(path, force=True)
    if dataset.Modality == SEGMENTATION:
        return highdicom.seg.Segmentation.from_dataset(dataset, copy=False)
    return dataset


def _plan_drawings(plan, instances, mapping):
    series_of_sop = {item["SOPInstanceUID"]: item["SeriesInstanceUID"] for item in instances if is_image(item)}
    for instance in instances:
        if instance["Modality"] in (STRUCTURES, SEGMENTATION):
            try:
                scans = _drawn_on(plan, read_drawing(instance.path), series_of_sop)
            except DataFault as fault:
                plan.faults.append(("", instance.path, fault))
                continue
            if not scans:
                plan.notes.append(
                    ("", f"a {instance['Modality']} file was left out: drawn on a series that is not imported")
                )
            for scan in scans:
                scan.drawings.append(Drawing(instance, *_reading(instance, mapping)))
    for scan in plan.scans.values():
        plan.faults += _reading_faults(scan)


def _drawn_on(plan, drawing, series_of_sop):
    """Scans a drawing belongs to; where several were cut out of one series, those whose slices it names."""
    find = segmented_series if drawing.Modality == SEGMENTATION else referenced_series
    series = find(drawing, series_of_sop)
    scans = [scan for scan in plan.scans.values() if scan.series == series]
    named = named_slices(drawing)
    naming = [scan for scan in scans if named & {instance["SOPInstanceUID"] for instance in scan.instances}]
    return naming or scans


def _reading(instance, mapping):
    return reading_of(mapping, [instance.path, instance["SeriesDescription"], instance["StructureSetLabel"]])


def _reading_faults(scan):
    """Faults of readings that several files hold; none of these files is taken."""
    readings = defaultdict(list)
    for drawing in scan.drawings:
        readings[drawing.reader, drawing.repeat].append(drawing)
    scan.drawings = [drawings[0] for drawings in readings.values() if len(drawings) == 1]
    faults = []
    for (reader, repeat), drawings in readings.items():
        if len(drawings) > 1:
            paths = [drawing.instance.path for drawing in drawings]
            message = (
                f"{len(paths)} files hold reader {reader}, repeat {repeat} ({', '.join(paths)}). Tell them apart by "
                "`readings` in the mapping, or leave one out (`skip`)."
            )
            faults.append((scan.sequence, paths[0], DataFault("mask_ambiguous", message)))
    return faults


# person -------------------------------------------------------------------------------------------------------------


def person(instances):
    """Return age in whole years (90 for older) and sex of a patient as text, empty where the files do not say.

    The age is that at the first study; where PatientAge is not stated, dates of birth and study give it.
    """
    dated = sorted(instances, key=lambda instance: instance["StudyDate"] or "9")
    ages = [age for instance in dated if (age := _age_years(instance)) is not None]
    sexes = sorted({instance["PatientSex"] for instance in instances} & {"F", "M", "O"})
    return {"age": str(min(ages[0], OLDEST_AGE)) if ages else "", "sex": sexes[0] if len(sexes) == 1 else ""}


def _age_years(instance):
    stated, born, studied = (instance[keyword] for keyword in ("PatientAge", "PatientBirthDate", "StudyDate"))
    if stated[:-1].isdigit() and stated[-1] in DAYS_PER_YEAR:
        return int(int(stated[:-1]) * DAYS_PER_YEAR[stated[-1]] / DAYS_PER_YEAR["Y"])
    if len(born) == len(studied) == 8 and (born + studied).isdigit():
        return int(studied[:4]) - int(born[:4]) - (studied[4:] < born[4:])
    return None
