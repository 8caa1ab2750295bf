"""What DICOM headers say about a person, the names patients get instead, and the proof that nothing of it came "
"out."""

import gzip
import hashlib
import re
from pathlib import Path

from habitat_radiomics.faults import StudyFault
from habitat_radiomics.sheets import is_identifier, read_sheet


def words(text):
    """Return the words of a text; lists of DICOM keywords are easier to read so."""
    return tuple(text.split())


# after DICOM PS3.15, table E.1-1 (Basic Application Level Confidentiality Profile)
DIRECT = words(
    "AccessionNumber AdmissionID CountryOfResidence DeviceSerialNumber DeviceUID EthnicGroup InstitutionAddress "
    "InstitutionName InstitutionalDepartmentName InsurancePlanIdentification IssuerOfPatientID MedicalRecordLocator "
    "MilitaryRank Occupation OtherPatientIDs PatientAddress PatientAge PatientBirthName PatientID "
    "PatientReligiousPreference PatientSex PatientSize PatientTelephoneNumbers PatientWeight "
    "PerformedProcedureStepID PersonAddress PersonTelephoneNumbers PlacerOrderNumberImagingServiceRequest "
    "FillerOrderNumberImagingServiceRequest ReferringPhysicianAddress ReferringPhysicianTelephoneNumbers "
    "RegionOfResidence RequestedProcedureID ScheduledProcedureStepID StationName StudyID PerformedStationName "
    "ScheduledStationName ClinicalTrialSubjectID ClinicalTrialSiteID ClinicalTrialSiteName ClinicalTrialProtocolID "
    "ClinicalTrialSponsorName"
)
FREE_TEXT = words(
    "AcquisitionComments AcquisitionDeviceProcessingDescription AdditionalPatientHistory Allergies "
    "ContentDescription ContentLabel DerivationDescription FrameComments ImageComments MedicalAlerts PatientComments "
    "PerformedProcedureStepDescription ProtocolName ReasonForStudy RequestAttributesSequence "
    "RequestedProcedureComments RequestedProcedureDescription RequestingService SeriesDescription SpecialNeeds "
    "StructureSetDescription StructureSetLabel StructureSetName StudyComments StudyDescription VisitComments ROIName "
    "ROIDescription SegmentLabel SegmentDescription"
)
PUBLIC_UIDS = words(
    "SOPClassUID MediaStorageSOPClassUID ReferencedSOPClassUID TransferSyntaxUID ImplementationClassUID "
    "CodingSchemeUID ContextUID MappingResourceUID"
)
BY_VR = {"PN": "name of a person", "DA": "date", "DT": "date and time", "TM": "time", "UI": "unique identifier"}
SEARCHED = words(
    "AccessionNumber DeviceSerialNumber InstitutionAddress InstitutionName OtherPatientIDs PatientAddress PatientID "
    "PatientTelephoneNumbers StationName StudyID"
)
WRITTEN = {
    "PatientSex": "patients.tsv, column sex",
    "PatientAge": "patients.tsv, column age (90 for 90 and older)",
}
SHORTEST = 4  # letters of a value that is searched for: shorter ones ("M", "1") stand everywhere
NIFTI_HEADER = 352  # bytes, with the four that announce extensions
KEY_COLUMNS = ("PatientID", "patient", "institution", "site")


def identifying_elements(header):
    """Return (tag, keyword, reason) of every element with a value that may identify a person, sequences included."""
    found = set()
    for element in header.iterall():
        reason = _reason(element)
        if not reason or element.value in (None, "", []):
            continue
        if element.tag.is_private:
            found.add((f"({element.tag.group:04X},....)", "private elements", reason))
        else:
            found.add((str(element.tag), element.keyword, reason))
    return found


def _reason(element):
    if element.tag.is_private:
        return "elements of the manufacturer, content unknown"
    if element.keyword in DIRECT:
        return "identifier or personal detail"
    if element.keyword in FREE_TEXT:
        return "text people write"
    return None if element.keyword in PUBLIC_UIDS else BY_VR.get(element.VR)


def identifying_values(header):
    """Return the values to search outputs for: names and their parts, identifiers, dates, instance UIDs."""
    values = set()
    for element in header.iterall():
        if element.VR == "PN" or element.keyword in SEARCHED:
            values |= {str(element.value), *re.split(r"[\^= ,]+", str(element.value))}
        elif element.VR in ("DA", "UI") and element.keyword not in PUBLIC_UIDS:
            values.add(str(element.value))
    return {value for value in values if len(value) >= SHORTEST and not (value.isdigit() and len(value) < 6)}


def tag_rows(tags, *, kept_ids):
    """Return rows of the de-identification report: which identifying elements the files hold, and what became "
    "of them."""
    written = WRITTEN | ({"PatientID": "everywhere, as the patient's name (asked for)"} if kept_ids else {})
    return [
        {
            "tag": tag,
            "name": keyword,
            "why": reason,
            "files": count["files"],
            "patients": len(count["patients"]),
            "written": written.get(keyword, "no"),
        }
        for (tag, keyword, reason), count in sorted(tags.items())
    ]


# the key ------------------------------------------------------------------------------------------------------------


def read_key(path):
    """Return the key from PatientID to the name in the study: rows by PatientID; empty when there is no file yet.

    Raises
    ------
    StudyFault
        Columns missing, a PatientID twice, a name that cannot name files, or two PatientIDs with one name.
    """
    if not Path(path).exists():
        return {}
    sheet = read_sheet(path)
    faults = list(sheet.faults)
    if not faults and not {"PatientID", "patient"} <= set(sheet.columns):
        faults = [f"{path}: columns PatientID and patient are needed; found {', '.join(sheet.columns)}."]
    rows = {}
    for row in [] if faults else sheet.rows:
        faults += [f"{path} row {row.line}: {fault}" for fault in _key_row_faults(row, rows)]
        rows[row["PatientID"]] = {column: row[column] or "" for column in KEY_COLUMNS}
    if faults:
        raise StudyFault("\n".join(faults))
    return rows


def _key_row_faults(row, rows):
    if row["PatientID"] is None or row["patient"] is None:
        return ["PatientID and patient are both needed. Complete the row or remove it."]
    faults = []
    if row["PatientID"] in rows:
        faults.append(f"PatientID {row['PatientID']} stands twice. Keep one row.")
    if not is_identifier(row["patient"]):
        faults.append(
            f"'{row['patient']}' cannot name files; use letters, digits, '-', '_', '.', a letter or digit first."
        )
    if row["patient"].casefold() in {other["patient"].casefold() for other in rows.values()}:
        faults.append(f"the name {row['patient']} is that of another PatientID. Give every patient a name of its own.")
    return faults


def completed_key(key, institutions):
    """Return the key with a row for every patient; rows that are there stay as they are.

    New patients get P001, P002, ... in the order of a hash, so that the number tells nothing about the PatientID;
    new institutions get site1, site2, ...

    Parameters
    ----------
    key : dict
        As of `read_key`.
    institutions : dict
        PatientID to InstitutionName (empty when not stated), of the patients found.
    """
    rows = {patient: dict(row) for patient, row in key.items()}
    sites = {row["institution"]: row["site"] for row in rows.values() if row["institution"]}
    taken = {row["patient"].casefold() for row in rows.values()} | set(sites.values())
    for patient in sorted(set(institutions) - set(rows), key=_hashed):
        institution = institutions[patient]
        if institution and institution not in sites:
            sites[institution] = _next_free("site{}", taken)
        row = (patient, _next_free("P{:03d}", taken), institution, sites.get(institution, ""))
        rows[patient] = dict(zip(KEY_COLUMNS, row, strict=True))
    return rows


def _hashed(text):
    return hashlib.sha256(text.encode()).hexdigest()


def _next_free(pattern, taken):
    number = 1
    while pattern.format(number).casefold() in taken:
        number += 1
    taken.add(pattern.format(number).casefold())
    return pattern.format(number)


# the proof ----------------------------------------------------------------------------------------------------------


def leaked_values(folder, files, identifiers):
    """Say which written files carry a value that identifies somebody, in their name, cells or image header.

    Parameters
    ----------
    folder : str or Path
        Folder of the study; only names below it are looked at.
    files : iterable of str
        Files written, relative to it: tables (text) and NIfTI images.
    identifiers : set of str
        As of `identifying_values`.

    Returns
    -------
    list of str
        Relative names of the files; empty when there is nothing.
    """
    return [name for name in files if identifiers & _tokens(name, _readable(Path(folder, name)))]


def _readable(path):
    if path.suffix == ".gz":
        with gzip.open(path) as stream:
            header = stream.read(NIFTI_HEADER)
        return "\n".join(re.findall(r"[ -~]{4,}", header.decode("latin-1")))
    return path.read_text(encoding="utf-8")


def _tokens(name, text):
    """Cells, words and file names without their endings."""
    pieces = set()
    for line in [name, *text.splitlines()]:
        for cell in line.split("\t"):
            parts = re.split(r"[\s/;,=()']+", cell)
            pieces |= {cell, *parts, *(part.split(".")[0] for part in parts)}
    return pieces
