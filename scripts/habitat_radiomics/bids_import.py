"""A BIDS dataset with masks among its derivatives to the two tables of a study; images stay where they are."""

import os
import re
from collections import defaultdict
from pathlib import Path

from habitat_radiomics.acquisition import acquisition_columns
from habitat_radiomics.bids_files import derived_masks, raw_images, sidecar
from habitat_radiomics.faults import DataFault, StudyFault
from habitat_radiomics.images import geometry_difference, header_geometry
from habitat_radiomics.import_mapping import matches, read_mapping, reading_of
from habitat_radiomics.import_tables import NEXT_STEP, stop_import, write_study_tables
from habitat_radiomics.sheets import read_sheet

TELLING = ("acq", "ce", "rec", "run", "echo", "part", "inv")  # entities that tell images of one suffix apart
TOLERANCE_MM = 0.1


def import_bids(folder, out, *, mapping=None, session=None):
    """Write patients.tsv and images.tsv of a BIDS dataset, with paths relative to ``out``; nothing is copied.

    Parameters
    ----------
    folder : str or Path
        Root of the dataset.
    out : str or Path
        Folder of the study.
    mapping : str, optional
        YAML file of `import_mapping.read_mapping`, whose expressions are matched against file names; without it every
        image below ``anat`` is the sequence its suffix names.
    session : str, optional
        Session to take (``ses-`` may be left out), needed where patients have several.

    Returns
    -------
    list of str
        What was done, in sentences.

    Raises
    ------
    StudyFault
        With every fault found.
    """
    folder, out = Path(folder).resolve(), Path(out).resolve()
    chosen = read_mapping(mapping) if mapping else None
    if chosen and any(sequence["where"] for sequence in chosen["sequences"].values()):
        raise StudyFault(f"mapping {mapping}: `where` chooses DICOM files; of BIDS files the name is all that counts.")
    images = _of_session(raw_images(folder), session)
    scans, faults = _scans(images, chosen)
    if not scans and not faults:
        raise StudyFault("\n".join([f"No image below {folder} fits. Found:", *_listing(raw_images(folder))]))
    grids, grid_faults = _grids(scans)
    masks, mask_faults = _masks(_of_session(derived_masks(folder), session), scans, grids, chosen, folder)
    if faults := faults + grid_faults + mask_faults:
        stop_import(faults)
    rows = [
        row
        for (patient, sequence), image in scans.items()
        for row in _rows(patient, sequence, image, masks[patient, sequence], out)
    ]
    for row in rows:
        key = (row["patient"], row["sequence"])
        row |= acquisition_columns(sidecar(scans[key], folder), grids[key])
    patients = _patients(folder, dict.fromkeys(patient for patient, _ in scans))
    write_study_tables(out, patients, rows)
    return _said(scans, masks, patients, out)


def _said(scans, masks, patients, out):
    imaged = len({patient for patient, _ in scans})
    drawn = sum(len(readings) for readings in masks.values())
    lines = [f"{len(scans)} images and {drawn} masks of {imaged} patients are in the tables in {out}."]
    if len(patients) > imaged:
        lines.append(f"{len(patients) - imaged} patients of participants.tsv have no image that fits.")
    taken = "Columns of participants.tsv were taken as they are: see that none of them names a person."
    return [*lines, taken, NEXT_STEP]


def _of_session(files, session):
    wanted = session.removeprefix("ses-") if session else None
    return [file for file in files if wanted is None or file["ses"] in (None, wanted)]


def _patient(file):
    return f"sub-{file['sub']}"


def _scans(images, chosen):
    """Images by patient and sequence, and the faults of those with several."""
    groups = defaultdict(list)
    for image in images:
        for sequence in _sequences(image, chosen):
            groups[_patient(image), sequence].append(image)
    faults = []
    for (patient, sequence), files in groups.items():
        if len(files) > 1:
            names = ", ".join(file.path.name for file in files)
            several = len({file["ses"] for file in files}) > 1
            advice = "Choose a session (ARGS='--session NAME')" if several else "Tell them apart by a mapping (MAP=)"
            faults.append(f"patient {patient}, {sequence}: {len(files)} images fit ({names}). {advice}.")
    return {key: files[0] for key, files in sorted(groups.items()) if len(files) == 1}, faults


def _sequences(image, chosen):
    if chosen is None:
        return [image.suffix] if image.path.parent.name == "anat" else []
    if image.path.name in chosen["skip"]:
        return []
    return [name for name, wanted in chosen["sequences"].items() if matches(wanted["series"], image.path.name)]


def _listing(files):
    names = sorted({re.sub(r"^sub-[^_]+_(ses-[^_]+_)?", "", file.path.name) for file in files})
    return names or ["no sub-*/**/*.nii.gz at all"]


def _grids(scans):
    """Geometry of every image from its header, and what is wrong with files."""
    grids, faults = {}, []
    for (patient, sequence), image in scans.items():
        try:
            grids[patient, sequence] = header_geometry(image.path)
        except DataFault as fault:
            faults.append(f"patient {patient}, {sequence}: {fault}")
    return grids, faults


# masks --------------------------------------------------------------------------------------------------------------


def _masks(files, scans, grids, chosen, folder):
    """Masks of every scan by (reader, repeat), and the faults of those that cannot be placed."""
    masks, faults = {key: {} for key in scans}, []
    for file in files:
        own = {key: image for key, image in scans.items() if key[0] == _patient(file)}
        own = {key: image for key, image in own.items() if file["ses"] in (None, image["ses"])}
        if not own or _is_unwanted(file, own, chosen):
            continue
        try:
            key = _place(file, own, grids, sidecar(file, folder))
        except DataFault as fault:
            faults.append(f"patient {_patient(file)}, mask {file.path}: {fault}")
            continue
        if not _is_wanted(file, key[1], chosen):
            continue
        reading = reading_of(chosen, [str(file.path)]) if chosen else ("1", "1")
        if first := masks[key].get(reading):
            faults.append(_two_masks(key, reading, first, file))
        masks[key][reading] = file
    return masks, faults


def _two_masks(key, reading, first, second):
    return (
        f"patient {key[0]}, {key[1]}: {first.path.name} and {second.path.name} are both reader {reading[0]}, repeat "
        f"{reading[1]}. Choose by `roi` (a part of the file name) in the mapping, tell readers apart by `readings`, "
        "or name one under `skip` (MAP=)."
    )


def _is_wanted(file, sequence, chosen):
    roi = chosen["sequences"][sequence]["roi"] if chosen else None
    return roi is None or matches(roi, file.path.name)


def _is_unwanted(file, own, chosen):
    """Whether the user left a mask out, by `skip` or because no `roi` finds it."""
    if chosen is None:
        return False
    return file.path.name in chosen["skip"] or not any(_is_wanted(file, sequence, chosen) for _, sequence in own)


def _place(file, own, grids, metadata):
    """Patient and sequence a mask belongs to: by its sources, else by its name, else by its grid."""
    sources = metadata.get("Sources") or metadata.get("RawSources") or []
    sources = [sources] if isinstance(sources, str) else sources
    candidates = [key for key, image in own.items() if any(str(s).endswith(image.path.name) for s in sources)]
    candidates = candidates or _named(file, own)
    fitting = [key for key in candidates if key in grids and _on_grid(file, grids[key])]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(image.path.name for image in own.values())
    if not fitting:
        raise DataFault(
            "mask_other_grid",
            f"it lies on the grid of none of the images it may belong to ({listed}). Resample it to its image, or "
            "name it under `skip` in the mapping.",
        )
    raise DataFault(
        "mask_ambiguous",
        f"it may belong to several images ({listed}), which share one grid. Name its image in its sidecar (Sources), "
        "or in its file name (space-T1w).",
    )


def _named(file, own):
    """Images that agree in every entity the mask states, narrowed to those whose suffix it names, if it names one."""
    alike = [key for key, image in own.items() if all(file[e] in (None, image[e]) for e in TELLING)]
    words = {*file.words, file["space"], file["desc"], file["label"]}
    return [key for key in alike if own[key].suffix in words] or alike


def _on_grid(file, grid):
    return geometry_difference(header_geometry(file.path, kind="mask"), grid, tolerance_mm=TOLERANCE_MM) is None


# tables -------------------------------------------------------------------------------------------------------------


def _rows(patient, sequence, image, readings, out):
    row = {"patient": patient, "sequence": sequence, "image": _relative(image.path, out)}
    drawn = [
        {"mask": _relative(file.path, out), "reader": reader, "repeat": repeat}
        for (reader, repeat), file in sorted(readings.items())
    ]
    return [row | mask for mask in drawn or [{"mask": "", "reader": "", "repeat": ""}]]


def _relative(path, out):
    return Path(os.path.relpath(path, out)).as_posix()


def _patients(folder, imaged):
    """Rows of participants.tsv with the column patient, and one for every other patient with an image."""
    path = folder / "participants.tsv"
    if not path.exists():
        return [{"patient": patient} for patient in imaged]
    sheet = read_sheet(path)
    if sheet.faults or "participant_id" not in sheet.columns:
        raise StudyFault("\n".join(sheet.faults) or f"{path}: column participant_id is missing. Correct the file.")
    others = [column for column in sheet.columns if column not in ("participant_id", "patient")]
    listed = {
        f"sub-{(row['participant_id'] or '').removeprefix('sub-')}": {column: row[column] for column in others}
        for row in sheet.rows
    }
    return [{"patient": patient} | listed.get(patient, {}) for patient in dict.fromkeys([*listed, *imaged])]
