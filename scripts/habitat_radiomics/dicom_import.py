"""DICOM files to the files and tables of a study, without anything that names a patient."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from habitat_radiomics.acquisition import acquisition_columns
from habitat_radiomics.dicom_convert import convert_series, on_plain_grid
from habitat_radiomics.dicom_files import SEGMENTATION, scan_folder
from habitat_radiomics.dicom_geometry import slice_stack
from habitat_radiomics.dicom_listing import series_listing
from habitat_radiomics.dicom_plan import person, plan_patients, read_drawing
from habitat_radiomics.dicom_privacy import KEY_COLUMNS, completed_key, leaked_values, read_key, tag_rows
from habitat_radiomics.dicom_segmentations import segment_mask
from habitat_radiomics.dicom_structures import contour_mask
from habitat_radiomics.faults import DataFault, StudyFault
from habitat_radiomics.images import write_image
from habitat_radiomics.import_mapping import read_mapping
from habitat_radiomics.import_tables import NEXT_STEP, REASON, stop_import, write_rows, write_study_tables
from habitat_radiomics.sheets import is_identifier, reading_id

NOTE_COLUMNS = ("patient", "sequence", "note")
CAVEATS = (
    "The de-identification report says which identifying elements the DICOM files hold; none of their values except "
    "sex and age is in a table, file name or image header written here. Pixels are as they were: faces can be "
    "recognised in head MRI, and burnt-in text stays."
)


@dataclass
class Written:
    """Rows and files of an import while it goes on."""

    patients: list = field(default_factory=list)
    images: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    files: list = field(default_factory=list)


def import_dicom(folder, out, *, mapping, key, keep_ids=False, skip_faulty=False, tell=lambda line: None):
    """Import a folder of DICOM files.

    Headers and masks of all patients are checked first; every fault is reported at once, and nothing is written.

    Parameters
    ----------
    folder : str or Path
        DICOM files in any layout.
    out : str or Path
        Folder of the study: ``images/``, ``images.tsv``, ``patients.tsv``, ``deidentification.tsv``,
        ``import_notes.tsv``.
    mapping : str or None
        YAML file of `import_mapping.read_mapping`; without it the listing is raised.
    key : str or Path
        TSV of PatientID and name in the study. It is read, completed and kept outside ``out``.
    keep_ids : bool
        Whether patients keep their PatientID (of files that are pseudonymous already); no key is written then.
    skip_faulty : bool
        Whether to leave out scans with a fault; their patients get the reason in column ``exclude``.
    tell : callable
        Gets a line about every patient.

    Returns
    -------
    list of str
        What was done, in sentences.

    Raises
    ------
    StudyFault
        With every fault found.
    """
    chosen = read_mapping(mapping) if mapping else None
    keywords = {keyword for sequence in chosen["sequences"].values() for keyword in sequence["where"]} if chosen else ()
    found = scan_folder(folder, keywords=keywords)
    if not found.instances:
        raise StudyFault(f"No DICOM file was found below {folder} ({len(found.others)} other files).")
    if chosen is None:
        raise StudyFault("\n".join(["No mapping says which series is which sequence. Found:", *series_listing(found)]))
    everybody = plan_patients(found, chosen)
    plans = [plan for plan in everybody if plan.scans or plan.faults]
    if not plans:
        raise StudyFault("\n".join(["No series matches the mapping. Found:", *series_listing(found)]))
    names = _names(plans, found, key, out, keep_ids=keep_ids)
    plans.sort(key=lambda plan: _name(plan, names))
    for plan in plans:
        _check_scans(plan, chosen)
    _raise_faults(plans, names, skip_faulty=skip_faulty)
    plans = [plan for plan in plans if plan.patient_id]
    written = Written()
    for number, plan in enumerate(plans, start=1):
        tell(f"{number} of {len(plans)}: {names[plan.patient_id]['patient']}")
        _write_patient(plan, names[plan.patient_id], found, chosen, Path(out), written)
    _raise_faults(plans, names, skip_faulty=skip_faulty)
    without = [plan.patient_id for plan in everybody if plan not in plans]
    return _without_lines(without) + _close(written, found, names, Path(out), key, keep_ids=keep_ids)


def _without_lines(patients):
    """Say which patients have no series of the mapping: nobody is left out in silence."""
    if not patients:
        return []
    listed = ", ".join(patients[:10]) + (", ..." if len(patients) > 10 else "")
    return [f"Not imported, because no series matches the mapping: {len(patients)} patients (PatientID {listed})."]


def _names(plans, found, key, out, *, keep_ids):
    """Names and sites of the patients by PatientID; the key file is not written yet."""
    institutions = dict.fromkeys((plan.patient_id for plan in plans if plan.patient_id), "")
    for instance in found.instances:
        if instance["PatientID"] in institutions:
            institutions[instance["PatientID"]] = institutions[instance["PatientID"]] or instance["InstitutionName"]
    if not keep_ids:
        if Path(key).resolve().is_relative_to(Path(out).resolve()):
            raise StudyFault(
                f"The key {key} lies inside {out}, the folder that is shared. Name a file elsewhere (KEY=)."
            )
        return completed_key(read_key(key), institutions)
    wrong = [patient for patient in institutions if not is_identifier(patient)]
    if wrong:
        raise StudyFault(
            f"{len(wrong)} PatientIDs cannot name files (first '{wrong[0]}'): letters, digits, '-', '_', '.' can. "
            "Import without --keep-ids, so that patients get new names."
        )
    return {patient: {"patient": patient, "site": ""} for patient in institutions}


def _name(plan, names):
    """Name of a patient in the study; empty for files without a PatientID, which are never imported."""
    return names.get(plan.patient_id, {"patient": ""})["patient"]


def _raise_faults(plans, names, *, skip_faulty):
    """Stop with all faults, unless the user asked to go on without what has one."""
    faults = [(plan, fault) for plan in plans for fault in plan.faults]
    if not faults or skip_faulty:
        return
    lines = [
        f"patient {_name(plan, names)} (PatientID {plan.patient_id or 'empty'}){f', {sequence}' if sequence else ''}, "
        f"{place}: {fault}"
        for plan, (sequence, place, fault) in faults
    ]
    advice = "Correct them, or add ARGS=--skip-faulty to import the others; the tables then say what was left out."
    stop_import(lines, advice)


# checks -------------------------------------------------------------------------------------------------------------


def _check_scans(plan, mapping):
    """Find out, before anything is converted, whether slices make grids and drawings make masks."""
    for sequence in list(plan.scans):
        scan = plan.scans[sequence]
        try:
            stack = slice_stack(scan.instances)
        except DataFault as fault:
            plan.faults.append((sequence, scan.instances[0].path, fault))
            del plan.scans[sequence]
            continue
        for drawing in list(scan.drawings):
            try:
                _mask(drawing, scan, stack, mapping)
            except DataFault as fault:
                plan.faults.append((sequence, drawing.instance.path, fault))
                scan.drawings.remove(drawing)


def _mask(drawing, scan, stack, mapping):
    """Mask (z, y, x) of a drawing on the grid of its scan, and notes."""
    dataset = read_drawing(drawing.instance.path)
    make = segment_mask if dataset.Modality == SEGMENTATION else contour_mask
    return make(dataset, stack, roi=mapping["sequences"][scan.sequence]["roi"])


# writing ------------------------------------------------------------------------------------------------------------


def _write_patient(plan, name, found, mapping, out, written):
    """Write the images and masks of one patient and note their rows."""
    for scan in list(plan.scans.values()):
        try:
            _write_scan(plan, scan, name["patient"], mapping, out, written)
        except DataFault as fault:
            plan.faults.append((scan.sequence, scan.instances[0].path, fault))
    plan.notes += [(sequence, "no mask was found") for sequence, scan in plan.scans.items() if not scan.drawings]
    plan.notes += [(s, "no series matches the mapping") for s in mapping["sequences"] if s not in _seen(plan)]
    written.notes += [{"patient": name["patient"], "sequence": s, "note": note} for s, note in plan.notes]
    instances = [instance for instance in found.instances if instance["PatientID"] == plan.patient_id]
    reasons = dict.fromkeys(f"{fault.code} {sequence}".strip() for sequence, _, fault in plan.faults)
    written.notes += [{"patient": name["patient"], "sequence": "", "note": f"left out: {reason}"} for reason in reasons]
    excluded = {"exclude": f"{REASON}{', '.join(reasons)}" if reasons else ""}
    written.patients.append({"patient": name["patient"], "site": name["site"]} | person(instances) | excluded)


def _seen(plan):
    return set(plan.scans) | {sequence for sequence, _, _ in plan.faults}


def _write_scan(plan, scan, name, mapping, out, written):
    stack = slice_stack(scan.instances)
    image, sidecar = convert_series(stack)
    path = f"images/{name}/{scan.sequence}.nii.gz"
    masks = [(drawing, *_mask(drawing, scan, stack, mapping)) for drawing in scan.drawings]
    write_image(image, out / path)
    written.files.append(path)
    row = {"patient": name, "sequence": scan.sequence, "image": path}
    acquisition = acquisition_columns(sidecar, stack.grid)
    for drawing, mask, notes in masks or [(None, None, [])]:
        drawn = {"mask": "", "reader": "", "repeat": ""}
        if drawing:
            reading = reading_id(drawing.reader, drawing.repeat)
            drawn = {
                "mask": f"images/{name}/{scan.sequence}.{reading}.nii.gz",
                "reader": drawing.reader,
                "repeat": drawing.repeat,
            }
            write_image(on_plain_grid(mask.astype(np.uint8), stack.grid), out / drawn["mask"])
            written.files.append(drawn["mask"])
        written.images.append(row | drawn | acquisition)
        plan.notes += [(scan.sequence, note) for note in notes]
    plan.notes += [(scan.sequence, note) for note in [*stack.notes, *_image_notes(scan)]]


def _image_notes(scan):
    burnt = any(instance["BurnedInAnnotation"] == "YES" for instance in scan.instances)
    uptake = any(instance["Modality"] == "PT" for instance in scan.instances)
    notes = ["the headers say that text is burnt into the pixels"] if burnt else []
    return notes + (["PET values are as stored (usually Bq/ml), not SUV"] if uptake else [])


def _close(written, found, names, out, key, *, keep_ids):
    """Write tables, notes, report and key; then look whether a value that identifies somebody got out."""
    write_study_tables(out, written.patients, written.images)
    write_rows(out / "import_notes.tsv", written.notes, NOTE_COLUMNS)
    write_rows(out / "deidentification.tsv", tag_rows(found.tags, kept_ids=keep_ids))
    if not keep_ids:
        write_rows(Path(key), list(names.values()), KEY_COLUMNS)
        Path(key).chmod(0o600)  # for its owner only
    own_names = {row["patient"] for row in names.values()}
    files = [*written.files, "images.tsv", "patients.tsv", "import_notes.tsv"]
    if leaked := leaked_values(out, files, found.identifiers - own_names):
        raise StudyFault(
            f"{len(leaked)} files in {out} carry a value that also identifies somebody in the DICOM headers: "
            f"{', '.join(leaked[:5])}. Do not share them; rename the sequence or the patient in the mapping or key."
        )
    patients, masks = len(written.patients), sum(bool(row["mask"]) for row in written.images)
    images = len({row["image"] for row in written.images})
    names_said = "Patients kept their PatientID." if keep_ids else f"Who is who stands in {key}; keep it apart."
    left = sum(bool(row["exclude"]) for row in written.patients)
    left_out = f" {left} patients have a reason in column exclude." if left else ""
    counts = f"{images} images and {masks} masks of {patients} patients are in {out}.{left_out}"
    return [counts, CAVEATS, names_said, NEXT_STEP]
