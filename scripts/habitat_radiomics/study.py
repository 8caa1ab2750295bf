"""From a configuration and two tables to a checked study: patients, cohorts, files. Runs while the Snakefile is read.

Imports stay light (no numpy, SimpleITK or pandas unless a header must be read): every cluster job reads it too.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from habitat_radiomics.banks import BANKS, bank_fault
from habitat_radiomics.config import complete_config, nearest, signature_steps
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.feature_sheets import read_feature_sheets
from habitat_radiomics.habitat_sets import all_sets
from habitat_radiomics.outcome_settings import event_column, is_survival, outcome_columns
from habitat_radiomics.sheets import check_images, check_patients, read_sheet, reader_and_repeat, reading_id
from habitat_radiomics.split import assign_cohorts

SMALLEST_CLASS = 5
FEWEST_READINGS = 3
EXCLUSION_ADVICE = "Add it, or set data.incomplete_patients: exclude."


@dataclass(frozen=True)
class Scan:
    """One sequence of one patient: the image and, by reading, the masks drawn on it (paths)."""

    image: str
    masks: dict


@dataclass
class Study:
    """A checked study.

    Attributes
    ----------
    config : dict
        Complete configuration.
    patients : dict
        Included patients by identifier, in its order (that of the table's rows changes nothing).
    cohorts : dict
        Identifier to ``train``, ``internal`` or ``external``.
    scans : dict
        (patient, sequence) to `Scan`; the primary reading is the first of its masks.
    excluded : dict
        Identifier to (code, reason) of patients left out before the first job.
    screened : int
        Number of rows of the patients table.
    feature_sheets : dict
        (sequence, region) to `FeatureSheet`, where features are given in place of images.
    """

    config: dict
    patients: dict
    cohorts: dict
    scans: dict
    excluded: dict = field(default_factory=dict)
    screened: int = 0
    feature_sheets: dict = field(default_factory=dict)

    @property
    def sequences(self):
        """Sequences in the order of every table."""
        return list(self.config["sequences"])

    @property
    def has_images(self):
        """Whether there are images; features are given where there are none."""
        return self.config["data"]["source"] != "features"

    @property
    def predicts(self):
        """Whether there is an outcome; a study without describes images, habitats and features."""
        return bool(outcome_columns(self.config["outcome"]))

    @property
    def applied(self):
        """Whether the models come from a bundle: nobody trains, and the outcome may be unknown."""
        return bool(self.config["bundle"])

    def mask_sequence(self, sequence):
        """Return the sequence whose masks apply to ``sequence``."""
        return self.config["reference"] or sequence

    def readings(self, patient, sequence):
        """Return the readings that apply to a patient's sequence, the primary one first."""
        return list(self.scans[patient, self.mask_sequence(sequence)].masks)

    def habitat_sets(self, sequence):
        """Return the sets of habitats, nested ones last, that apply to a sequence, in their order."""
        return [name for name, chosen in all_sets(self.config).items() if sequence in chosen["sequences"]]

    def in_cohort(self, cohort):
        """Return the included patients of a cohort."""
        return [patient for patient in self.patients if self.cohorts[patient] == cohort]

    @property
    def validation_cohorts(self):
        """Cohorts other than training that have patients."""
        return [cohort for cohort in ("internal", "external") if self.in_cohort(cohort)]


def checked_config(config, schema):
    """Return the complete configuration; raise StudyFault with every fault found."""
    complete, faults = complete_config(config, schema)
    _raise(faults or _bank_faults(complete))
    return complete


def load_study(config, *, tables, folder, check_files=None):
    """Read and check both tables; return the study or raise with every fault at once.

    Parameters
    ----------
    config : dict
        Complete configuration.
    tables : str
        Folder of the two tables.
    folder : str
        Where relative image and mask paths start.
    check_files : callable, optional
        ``check_files(image, masks, same_grid) -> list of str`` finds faults of the files of one scan. None when the
        workflow itself makes them.

    Raises
    ------
    StudyFault
    """
    patients = read_sheet(Path(tables, config["data"]["patients"]))
    if config["data"]["source"] == "features":
        return _study_of_features(config, patients, tables)
    images = read_sheet(Path(tables, config["data"]["images"]))
    _raise(patients.faults + images.faults)
    check_patients(patients, config)
    check_images(images, patients, config)
    _raise(patients.faults + images.faults)
    scans = _scans(images, config, folder)
    if check_files:
        _raise(_file_faults(scans, images, config, check_files))
    return _study(config, patients, scans)


def _study_of_features(config, patients, tables):
    """The study whose features are given in tables."""
    _raise(patients.faults)
    check_patients(patients, config)
    sheets, faults = read_feature_sheets(config, tables, patients)
    _raise(patients.faults + faults)
    return _study(config, patients, {}, sheets)


def _study(config, patients, scans, feature_sheets=None):
    """Leave out incomplete patients (or stop), assign cohorts, and check that they can be analysed."""
    sheets = feature_sheets or {}
    reasons = {row["patient"]: _incompleteness(row, scans, sheets, config) for row in patients.rows}
    excluded = {patient: reason for patient, reason in reasons.items() if reason}
    if excluded and config["data"]["incomplete_patients"] == "stop":
        unasked = {patient: reason for patient, reason in excluded.items() if reason[0] != "excluded_by_hand"}
        where = f"{patients.name}, patient"
        _raise([f"{where} {patient}: {reason} {EXCLUSION_ADVICE}" for patient, (_, reason) in unasked.items()])
    kept = [row for row in patients.rows if row["patient"] not in excluded]
    rows = {row["patient"]: row.values for row in sorted(kept, key=lambda row: row["patient"])}
    cohorts = _cohorts(rows, config)
    _raise(_refusals(patients, excluded) if config["bundle"] else _cohort_faults(rows, cohorts, config["outcome"]))
    scans = {key: scan for key, scan in scans.items() if key[0] in rows}
    study = Study(config, rows, cohorts, scans, excluded, len(patients.rows), sheets)
    _raise([] if study.applied else _reading_faults(study) + _harmonisation_faults(study))
    return study


def _cohorts(rows, config):
    """Cohort of every patient; those to whom a bundle is applied are external."""
    if config["bundle"]:
        return dict.fromkeys(rows, "external")
    column = event_column(config["outcome"])
    return assign_cohorts(list(rows.values()), config["split"], outcome_column=column, seed=config["seed"])


def _refusals(patients, excluded):
    """Why nobody can be predicted by the models of a bundle; nothing when somebody can."""
    if len(excluded) < len(patients.rows):
        return []
    return [f"{patients.name}, patient {patient}: {reason}" for patient, (_, reason) in excluded.items()] or [
        f"{patients.name} has no patients. Add a row for each patient to predict."
    ]


def _raise(faults):
    if faults:
        count = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise StudyFault(f"The study cannot start: {count} found.\n" + "\n".join(f"  - {fault}" for fault in faults))


def _bank_faults(config):
    """Faults of the feature banks of every region, and of the overrides of every sequence."""
    sections = {"features": config["features"]}
    for sequence, override in config["sequences"].items():
        if (override or {}).get("features"):
            sections[f"sequences.{sequence}.features"] = {**config["features"], **override["features"]}
    faults = []
    for where, section in sections.items():
        known = {**BANKS, **section["custom_banks"]}
        for region, bank in section["banks"].items():
            if bank not in known:
                hint = nearest(bank, known)
                advice = f" Did you mean '{hint}'?" if hint else ""
                faults.append(
                    f"config: {where}.banks.{region}: '{bank}' is not a bank. Defined: {', '.join(known)}.{advice}"
                )
        for name, bank in section["custom_banks"].items():
            if fault := bank_fault(bank):
                faults.append(f"config: {where}.custom_banks.{name}: {fault}")
    return faults


def _scans(images, config, folder):
    """Group the rows of the images table into scans, the primary reading first."""
    groups = defaultdict(list)
    for row in images.rows:
        if row["sequence"] in config["sequences"]:
            groups[row["patient"], row["sequence"]].append(row)
    primary = config["reproducibility"]["primary_reader"]
    scans = {}
    for key, rows in groups.items():
        readings = sorted((reader_and_repeat(row), row["mask"]) for row in rows if row["mask"])
        readings.sort(key=lambda item: item[0][0] != primary)
        masks = {reading_id(*who): _path(folder, mask) for who, mask in readings}
        scans[key] = Scan(_path(folder, rows[0]["image"]), masks)
    return scans


def _path(folder, name):
    return str(Path(folder, name))


def _file_faults(scans, images, config, check_files):
    """Faults of the files, each with the row of the images table it comes from."""
    lines = {(row["patient"], row["sequence"]): row.line for row in reversed(images.rows)}
    faults = []
    for (patient, sequence), scan in scans.items():
        masks = scan.masks if config["reference"] in (None, sequence) else {}
        found = check_files(scan.image, list(masks.values()))
        faults += [
            f"{images.name} row {lines[patient, sequence]}, patient {patient}, sequence {sequence}: {f}" for f in found
        ]
    return faults


def _incompleteness(row, scans, feature_sheets, config):
    """Return (code, sentence) when a patient cannot be analysed, else None."""
    patient = row["patient"]
    if row["exclude"]:
        return "excluded_by_hand", row["exclude"]
    outcome = [] if config["bundle"] else outcome_columns(config["outcome"])
    if empty := [column for column in outcome if row[column] is None]:
        return "outcome_missing", f"column {empty[0]} is empty."
    for sheet in feature_sheets.values():
        if patient not in sheet.digests:
            return "features_missing", f"has no row in {Path(sheet.path).name}."
    return None if feature_sheets else _missing_scan(patient, scans, config)


def _missing_scan(patient, scans, config):
    """Return (code, sentence) when a patient lacks a scan or a mask, else None."""
    primary = reading_id(config["reproducibility"]["primary_reader"], "1")
    for sequence in config["sequences"]:
        scan = scans.get((patient, sequence))
        if scan is None:
            return "sequence_missing", f"has no {sequence} in the images table."
        if config["reference"] in (None, sequence) and primary not in scan.masks:
            found = ", ".join(scan.masks) or "none"
            return "reading_missing", f"has no mask of {primary} for {sequence} (found: {found})."
    return None


def _cohort_faults(rows, cohorts, outcome):
    """Every cohort needs what its outcome is measured by, if there is one, and training enough of it."""
    if not any(cohort == "train" for cohort in cohorts.values()):
        return ["no patient is in the training cohort. Check the split section of the config."]
    if event_column(outcome) is None:
        return []
    return (_event_faults if is_survival(outcome) else _class_faults)(rows, cohorts, event_column(outcome))


def _event_faults(rows, cohorts, column):
    """Every cohort needs events, and training enough of them; nobody needs to be censored."""
    faults = []
    for cohort in dict.fromkeys(cohorts.values()):
        members = [patient for patient in rows if cohorts[patient] == cohort]
        events = sum(float(rows[patient][column]) == 1 for patient in members)
        counts = f"{events} of {len(members)} patients had the event (column {column})"
        if events == 0:
            faults.append(f"cohort {cohort}: {counts}; nothing can be judged. Move patients, or join cohorts.")
        elif cohort == "train" and events < SMALLEST_CLASS:
            faults.append(f"cohort train: {counts}; at least {SMALLEST_CLASS} are needed to fit anything.")
    return faults


def _class_faults(rows, cohorts, column):
    """Every cohort needs both classes."""
    faults = []
    for cohort in dict.fromkeys(cohorts.values()):
        classes = Counter(float(rows[patient][column]) for patient in rows if cohorts[patient] == cohort)
        counts = f"{classes[0.0]} patients with outcome 0 and {classes[1.0]} with 1"
        if not (classes[0.0] and classes[1.0]):
            faults.append(
                f"cohort {cohort}: {counts} in column {column}; both are needed. Move patients, or join cohorts."
            )
        elif cohort == "train" and min(classes.values()) < SMALLEST_CLASS:
            faults.append(f"cohort train: {counts}; at least {SMALLEST_CLASS} of each are needed to fit anything.")
    return faults


def _harmonisation_faults(study):
    """The batch that others are brought to needs training patients."""
    chosen = study.config["harmonise"]
    batches = sorted({study.patients[patient].get(chosen["batch"]) or "" for patient in study.in_cohort("train")})
    if chosen["method"] == "none" or chosen["reference_batch"] in (None, *batches):
        return []
    return [
        f"config: harmonise.reference_batch is {chosen['reference_batch']}, which has no training patient. Batches "
        f"(column {chosen['batch']}) that have: {', '.join(batches)}."
    ]


def _reading_faults(study):
    """A signature that asks for reproducible features needs training patients with more than one reading."""
    steps = {name: signature_steps(study.config, name) for name in study.config["signatures"]}
    asking = [name for name, of_signature in steps.items() if any("icc" in step for step in of_signature)]
    if not asking:
        return []
    repeated = [
        patient
        for patient in study.in_cohort("train")
        if all(len(study.readings(patient, sequence)) > 1 for sequence in study.sequences)
    ]
    if len(repeated) >= FEWEST_READINGS:
        return []
    return [
        f"signatures {', '.join(asking)} select by icc, but {len(repeated)} training patients have a second reading "
        f"of every sequence; at least {FEWEST_READINGS} are needed. Add readings, or remove the icc step."
    ]
