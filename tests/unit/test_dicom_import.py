import gzip
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from dicom_examples import PERSON, SAGITTAL, Series, rectangle, write_structures
from habitat_radiomics.dicom_import import import_dicom
from habitat_radiomics.faults import StudyFault
from imported_study import load_imported, read_rows

MAPPING = "sequences: {T1: '^t1_tse_tra$', T2: '^t2_tse'}\nroi: '^GTV$'\n"


def write_patient(folder, patient, *, regions=("GTV",), **values):
    """T1 with a structure set, T2 and a scout, all in one folder per kind of file name."""
    t1, t2 = Series(patient, **values), Series(patient, "t2_tse_fs", step_mm=4, **values)
    for series in (t1, t2):
        series.write(folder / patient / "all", name=f"{series.description}{{}}.dcm")
    Series(patient, "scout", axes=SAGITTAL, **values).write(folder / patient / "all", name="scout{}", numbers=[0])
    box = [(z, rectangle(t1, z, (2.5, 6.5), (1.5, 4.5))) for z in (1, 2)]
    write_structures(folder / patient / "all" / "RS.dcm", t1, dict.fromkeys(regions, box), **values)
    return t1


@pytest.fixture
def dicom(tmp_path):
    folder = tmp_path / "dicom"
    for patient in ("4711-0815", "4711-0816"):
        write_patient(folder, patient)
    return folder


@pytest.fixture
def run(tmp_path, dicom):
    """Import with a mapping given as text; return the folder of the study."""

    def run(mapping=MAPPING, *, key=tmp_path / "key.tsv", **choices):
        path = tmp_path / "map.yaml"
        path.write_text(mapping)
        run.said = import_dicom(dicom, tmp_path / "study", mapping=path, key=key, **choices)
        return tmp_path / "study"

    return run


def faults(run, *arguments, **choices):
    with pytest.raises(StudyFault) as raised:
        run(*arguments, **choices)
    return str(raised.value)


def texts(folder):
    """Everything in a folder as text: names, tables, and image files unpacked."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        yield path.relative_to(folder).as_posix(), content


def test_two_patients_become_images_masks_and_tables(run):
    folder = run()
    rows = read_rows(folder / "images.tsv")
    assert [(row["patient"], row["sequence"], bool(row["mask"])) for row in rows] == [
        ("P001", "T1", True),
        ("P001", "T2", False),
        ("P002", "T1", True),
        ("P002", "T2", False),
    ]
    assert rows[0] == {
        "patient": "P001",
        "sequence": "T1",
        "image": "images/P001/T1.nii.gz",
        "mask": "images/P001/T1.reader1.nii.gz",
        "reader": "1",
        "repeat": "1",
        "manufacturer": "Siemens",
        "scanner": "Aera",
        "field_strength_t": "1.5",
        "tr_ms": "550",
        "te_ms": "11",
        "ti_ms": "",
        "flip_angle_deg": "",
        "slice_thickness_mm": "3",
        "slice_step_mm": "3.6",
        "matrix": "8 x 9",
        "pixel_mm": "0.75 x 1.25",
        "fov_mm": "6 x 11.25",
    }
    patients = read_rows(folder / "patients.tsv")
    assert patients[0] == {"patient": "P001", "site": "site1", "age": "58", "sex": "F", "exclude": ""}
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / rows[0]["mask"])))
    assert mask.sum() == 24 and mask[1:3, 2:5, 3:7].all()
    assert run.said[0].startswith("4 images and 2 masks of 2 patients")


def test_the_study_runs_on_the_tables_as_they_are(run):
    study = load_imported(run(), sequences={"T1": None, "T2": None}, reference="T1")
    assert list(study.patients) == ["P001", "P002"]
    assert set(study.scans) == {(patient, sequence) for patient in ("P001", "P002") for sequence in ("T1", "T2")}


def test_nothing_that_names_a_patient_is_in_any_output(run):
    folder = run()
    secrets = ["4711-081", "Zimmermann", "Adelheid", "19610203", "20190405", "ACC778899", "Beispielstadt", "Brandt"]
    secrets += ["MRC35012", "STUDY5566", "101112", Series("4711-0815").uid, Series("4711-0815").sop(3), "tse"]
    files = dict(texts(folder))
    assert len(files) == 4 + 6
    for name, content in files.items():
        found = [word for word in secrets if word in name or word.encode() in content]
        assert found == [], name


def test_the_report_lists_the_identifying_elements_that_were_found(run):
    rows = {row["name"]: row for row in read_rows(run() / "deidentification.tsv")}
    assert rows["PatientName"]["why"] == "name of a person"
    assert rows["PatientName"]["patients"] == "2" and rows["PatientName"]["files"] == str(2 * (6 + 6 + 1 + 1))
    assert {"PatientBirthDate", "AccessionNumber", "ReferringPhysicianName", "SOPInstanceUID"} <= set(rows)
    assert rows["AccessionNumber"]["written"] == "no" and rows["PatientSex"]["written"] == "patients.tsv, column sex"
    assert "SOPClassUID" not in rows and "Manufacturer" not in rows


def test_the_key_is_kept_outside_and_a_second_import_keeps_its_names(run, dicom, tmp_path):
    run()
    key = read_rows(tmp_path / "key.tsv")
    names = {row["PatientID"]: row["patient"] for row in key}
    assert set(names) == {"4711-0815", "4711-0816"} and set(names.values()) == {"P001", "P002"}
    assert (tmp_path / "key.tsv").stat().st_mode & 0o077 == 0
    assert {row["institution"] for row in key} == {PERSON["InstitutionName"]}
    write_patient(dicom, "0001", InstitutionName="Anderswo")
    run()
    again = {row["PatientID"]: row for row in read_rows(tmp_path / "key.tsv")}
    assert {patient: again[patient]["patient"] for patient in names} == names
    assert (again["0001"]["patient"], again["0001"]["site"]) == ("P003", "site2")


def test_what_the_user_wrote_into_the_patients_table_stays(run, dicom):
    folder = run()
    (folder / "patients.tsv").write_text("patient\tage\tprogression\nP001\t60\t1\nP002\t61\t0\n")
    write_patient(dicom, "0001")
    run()
    rows = read_rows(folder / "patients.tsv")
    assert [(row["patient"], row["age"], row["progression"]) for row in rows] == [
        ("P001", "60", "1"),
        ("P002", "61", "0"),
        ("P003", "58", ""),
    ]


def test_a_later_import_adds_patients_to_the_images_table(run, dicom):
    run()
    shutil.rmtree(dicom)
    write_patient(dicom, "0001")
    assert {row["patient"] for row in read_rows(run() / "images.tsv")} == {"P001", "P002", "P003"}


def test_the_key_must_not_lie_among_what_is_shared(run, tmp_path):
    assert "lies inside" in faults(run, key=tmp_path / "study" / "key.tsv")


def test_patients_can_keep_their_patient_id(run, tmp_path):
    folder = run(keep_ids=True)
    assert {row["patient"] for row in read_rows(folder / "images.tsv")} == {"4711-0815", "4711-0816"}
    assert not (tmp_path / "key.tsv").exists()
    report = {row["name"]: row["written"] for row in read_rows(folder / "deidentification.tsv")}
    assert report["PatientID"] == "everywhere, as the patient's name (asked for)"


def test_a_patient_id_that_cannot_name_files_cannot_be_kept(run, dicom):
    write_patient(dicom, "a b")
    assert "1 PatientIDs cannot name files (first 'a b')" in faults(run, keep_ids=True)


def test_a_name_that_identifies_somebody_stops_the_import(run):
    said = faults(run, MAPPING.replace("T1:", "Zimmermann:"))
    assert "carry a value that also identifies somebody" in said and "images.tsv" in said


def test_without_a_mapping_what_was_found_is_listed(dicom, tmp_path):
    with pytest.raises(StudyFault) as raised:
        import_dicom(dicom, tmp_path / "study", mapping=None, key=tmp_path / "key.tsv")
    said = str(raised.value).splitlines()
    assert "28 DICOM files of 2 patients, 6 image series." in said
    assert "t1_tse_tra | MR | 2 | 2 | 6" in said and "scout | MR | 2 | 2 | 1" in said and "GTV | 2" in said
    assert "  SEQUENCE2: '^t1_tse_tra$'" in said
    assert not (tmp_path / "study").exists()


def test_a_mapping_that_fits_nothing_lists_what_was_found(run):
    said = faults(run, "sequences: {T1: '^flair$'}")
    assert said.startswith("No series matches the mapping.") and "t2_tse_fs | MR | 2 | 2 | 6" in said


def test_two_series_for_one_sequence_are_refused_with_both(run):
    said = faults(run, "sequences: {T1: '_tse_'}\nroi: GTV")
    assert said.startswith("The import stops: 2 faults found.")
    assert "PatientID 4711-0815), T1" in said
    assert "2 series match: series 't1_tse_tra' (MR, 6 files" in said and "series 't2_tse_fs'" in said
    assert "`skip`" in said


def test_a_series_named_under_skip_is_left_out(run):
    skip = [Series(patient, "t2_tse_fs").uid for patient in ("4711-0815", "4711-0816")]
    folder = run(f"sequences: {{T1: '_tse_'}}\nroi: GTV\nskip: {skip}")
    assert [row["sequence"] for row in read_rows(folder / "images.tsv")] == ["T1", "T1"]


def test_one_series_for_two_sequences_is_refused(run):
    mapping = MAPPING.replace("^t2_tse", "^t1_tse")
    assert "is also taken for T1. Make one of the two expressions" in faults(run, mapping)
    assert [row["sequence"] for row in read_rows(run(mapping, skip_faulty=True) / "images.tsv")] == ["T1", "T1"]


def test_two_echoes_in_one_series_are_told_apart_by_where(run, dicom):
    shutil.rmtree(dicom)
    series = Series()
    series.write(dicom / "1", EchoNumbers=1, EchoTime=11)
    other = Series()
    other.sop = lambda number: Series("other").sop(number)
    other.voxels = series.voxels * 2
    other.write(dicom / "2", EchoNumbers=2, EchoTime=90)
    write_structures(dicom / "rs.dcm", series, {"GTV": [(1, rectangle(series, 1, (2.5, 6.5), (1.5, 4.5)))]})
    assert "EchoTime: 11.0, 90.0" in faults(run, "sequences: {PD: t1}")
    echoes = "sequences:\n" + "".join(f"  E{n:.0f}: {{series: t1, where: {{EchoNumbers: {n}}}}}\n" for n in (1, 2.0))
    folder = run(echoes)
    rows = read_rows(folder / "images.tsv")
    found = [(row["sequence"], row["te_ms"], bool(row["mask"])) for row in rows]
    assert found == [("E1", "11", True), ("E2", "90", False)]
    assert (sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "images/P001/E2.nii.gz"))) == other.voxels).all()


def test_two_readers_are_told_apart_by_the_readings_of_the_mapping(run, dicom):
    for patient in ("4711-0815", "4711-0816"):
        series = Series(patient)
        box = [(1, rectangle(series, 1, (2.5, 6.5), (1.5, 4.5)))]
        write_structures(dicom / patient / "second.dcm", series, {"GTV": box}, label="reader B")
    assert "2 files hold reader 1, repeat 1" in faults(run)
    assert not any(row["mask"] for row in read_rows(run(skip_faulty=True) / "images.tsv"))
    folder = run(MAPPING + "readings: [{match: 'reader B', reader: 2}]")
    rows = [row for row in read_rows(folder / "images.tsv") if row["mask"]]
    assert [(row["patient"], row["reader"], row["mask"]) for row in rows[:2]] == [
        ("P001", "1", "images/P001/T1.reader1.nii.gz"),
        ("P001", "2", "images/P001/T1.reader2.nii.gz"),
    ]
    assert list(load_imported(folder, sequences={"T1": None}).scans["P001", "T1"].masks) == ["reader1", "reader2"]


def test_every_fault_names_patient_file_and_cure_and_nothing_is_written(run, dicom, tmp_path):
    (dicom / "4711-0815/all/t1_tse_tra3.dcm").unlink()  # slice 2
    write_patient(dicom, "0001", regions=("GTV 1", "GTV 2"))
    said = faults(run, MAPPING.replace("^GTV$", "GTV")).splitlines()
    assert said[0] == "The import stops: 2 faults found."
    one, other = sorted(said[1:3], key=lambda line: line.partition("PatientID")[2])
    assert "(PatientID 0001), T1" in one and "RS.dcm: 2 regions match 'GTV' (found: 'GTV 1', 'GTV 2')" in one
    assert "(PatientID 4711-0815), T1" in other and "1 slices are missing" in other
    assert said[3].startswith("Correct them, or add ARGS=--skip-faulty")
    assert not (tmp_path / "study").exists() and not (tmp_path / "key.tsv").exists()


def test_faulty_scans_can_be_left_out_and_their_patients_are_excluded_with_the_reason(run, dicom, tmp_path):
    (dicom / "4711-0815/all/t1_tse_tra3.dcm").unlink()
    folder = run(skip_faulty=True)
    names = {row["PatientID"]: row["patient"] for row in read_rows(tmp_path / "key.tsv")}
    excluded = {row["patient"]: row["exclude"] for row in read_rows(folder / "patients.tsv")}
    assert excluded == {names["4711-0815"]: "import: series_slices_missing T1", names["4711-0816"]: ""}
    study = load_imported(folder, sequences={"T1": None, "T2": None}, reference="T1")
    assert list(study.patients) == [names["4711-0816"]]
    assert study.excluded[names["4711-0815"]][0] == "excluded_by_hand"


def test_a_reason_of_an_earlier_import_goes_when_the_fault_is_gone_and_the_users_own_stays(run, dicom):
    lost = dicom / "4711-0815/all/t1_tse_tra3.dcm"
    content = lost.read_bytes()
    lost.unlink()
    folder = run(skip_faulty=True)
    rows = read_rows(folder / "patients.tsv")
    assert sorted(row["exclude"] for row in rows) == ["", "import: series_slices_missing T1"]
    text = (folder / "patients.tsv").read_text().splitlines()
    whole = next(number for number, row in enumerate(rows, start=1) if not row["exclude"])
    (folder / "patients.tsv").write_text(
        "\n".join([*text[:whole], text[whole] + "no consent", *text[whole + 1 :]]) + "\n"
    )
    lost.write_bytes(content)
    run()
    assert sorted(row["exclude"] for row in read_rows(folder / "patients.tsv")) == ["", "no consent"]


def test_two_persons_under_one_patient_id_are_refused(run, dicom):
    series = Series("4711-0815", "t2_tse_fs", step_mm=4)
    series.write(dicom / "4711-0815/all", name="t2_tse_fs{}.dcm", PatientBirthDate="19990101")
    assert "state 2 dates of birth" in faults(run)
    folder = run(skip_faulty=True)
    assert sum(row["exclude"] == "import: patient_mixed" for row in read_rows(folder / "patients.tsv")) == 1
    assert len({row["patient"] for row in read_rows(folder / "images.tsv")}) == 1


def test_files_without_a_patient_id_are_refused(run, dicom):
    Series("").write(dicom / "x")
    assert "(PatientID empty)" in faults(run) and "the file has no PatientID" in faults(run)
    assert len(read_rows(run(skip_faulty=True) / "patients.tsv")) == 2


def test_ages_of_90_and_older_are_written_as_90(run, dicom):
    shutil.rmtree(dicom)
    write_patient(dicom, "0001", PatientAge="094Y")
    assert read_rows(run() / "patients.tsv")[0]["age"] == "90"


def test_an_empty_folder_is_named(tmp_path):
    (tmp_path / "note.txt").write_text("x")
    with pytest.raises(StudyFault, match="No DICOM file was found"):
        import_dicom(tmp_path, tmp_path / "study", mapping=None, key="key.tsv")


def test_the_same_files_give_the_same_bytes(run, tmp_path):
    first = dict(texts(run()))
    shutil.rmtree(tmp_path / "study")
    assert dict(texts(run())) == first


def test_the_script_says_what_it_did_and_fails_with_the_faults(dicom, tmp_path):
    (tmp_path / "map.yaml").write_text(MAPPING)
    script = Path(__file__).resolve().parents[2] / "scripts/import_dicom.py"
    command = [sys.executable, str(script), str(dicom), str(tmp_path / "study")]
    done = subprocess.run([*command, "--map", str(tmp_path / "map.yaml")], capture_output=True, text=True, check=True)
    assert "2 of 2: P002" in done.stdout and f"Who is who stands in {tmp_path / 'study_key.tsv'}" in done.stdout
    failed = subprocess.run(command, capture_output=True, text=True)
    assert failed.returncode == 1 and failed.stderr.startswith("No mapping says which series is which sequence.")


def test_all_real_files_in_one_folder_are_told_apart_by_their_uids(shared_data, tmp_path):
    mapping = tmp_path / "map.yaml"
    mapping.write_text(
        "sequences: {T1: MR_T1_image, CT: '^image|PHANTOM'}\nroi: 'GTV|liver|ROI-1'\n"
        "skip: [rt.dcm, invalid_reference_rt.dcm]\n"
    )
    arguments = {"mapping": mapping, "key": tmp_path / "key.tsv"}
    with pytest.raises(StudyFault, match=r"one fault found.\n.*PHANTOM_EXAMPLE.*non_existent_reference_rt.dcm"):
        import_dicom(shared_data / "dicom", tmp_path / "study", **arguments)
    mapping.write_text(mapping.read_text().replace("[rt", "[non_existent_reference_rt.dcm, rt"))
    import_dicom(shared_data / "dicom", tmp_path / "study", **arguments)
    names = {row["PatientID"]: row["patient"] for row in read_rows(tmp_path / "key.tsv")}
    rows = {row["patient"]: row for row in read_rows(tmp_path / "study/images.tsv")}
    sarcoma = rows[names["STS_025"]]
    image, mask = (sitk.ReadImage(str(tmp_path / "study" / sarcoma[column])) for column in ("image", "mask"))
    truth = {n: sitk.ReadImage(str(shared_data / f"sts36/nifti/STS_025/MR_T1_{n}.nii.gz")) for n in ("image", "mask")}
    assert (sitk.GetArrayFromImage(image) == sitk.GetArrayFromImage(truth["image"])).all()
    assert (sitk.GetArrayFromImage(mask) == sitk.GetArrayFromImage(truth["mask"])).all()
    assert np.allclose(image.GetOrigin(), truth["image"].GetOrigin(), atol=1e-3)
    assert rows[names["123456"]]["mask"] and not rows[names["PHANTOM_EXAMPLE"]]["mask"]
    assert pydicom.config.settings.reading_validation_mode == pydicom.config.IGNORE
