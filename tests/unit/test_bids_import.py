import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from habitat_radiomics.bids_files import bids_file
from habitat_radiomics.bids_import import import_bids
from habitat_radiomics.faults import StudyFault
from imported_study import load_imported, read_rows


def write(path, *, size=(8, 9, 6), spacing=(1.0, 1.0, 3.0), mask=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.arange(np.prod(size), dtype=np.int16).reshape(size[::-1])
    image = sitk.GetImageFromArray((values % 7 == 0).astype(np.uint8) if mask else values)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))


@pytest.fixture
def bids(tmp_path):
    folder = tmp_path / "bids"
    for patient in ("sub-01", "sub-02"):
        anat = folder / patient / "ses-1/anat"
        write(anat / f"{patient}_ses-1_T1w.nii.gz")
        write(anat / f"{patient}_ses-1_T2w.nii.gz", spacing=(1.0, 1.0, 4.0))
        write(folder / f"derivatives/manual/{patient}/ses-1/anat/{patient}_ses-1_label-tumour_mask.nii.gz", mask=True)
        (anat / f"{patient}_ses-1_T1w.json").write_text(json.dumps({"EchoTime": 0.011, "MagneticFieldStrength": 3}))
    (folder / "T1w.json").write_text(json.dumps({"Manufacturer": "Philips", "EchoTime": 0.5}))
    (folder / "participants.tsv").write_text("participant_id\tage\tsex\nsub-01\t61\tF\n02\t45\tM\nsub-03\t50\tF\n")
    return folder


@pytest.fixture
def run(tmp_path, bids):
    def run(mapping=None, **choices):
        if mapping:
            (tmp_path / "map.yaml").write_text(mapping)
            choices["mapping"] = tmp_path / "map.yaml"
        run.said = import_bids(bids, tmp_path / "studies/mine", **choices)
        return tmp_path / "studies/mine"

    return run


def fault(run, *arguments, **choices):
    with pytest.raises(StudyFault) as raised:
        run(*arguments, **choices)
    return str(raised.value)


def test_a_name_is_taken_apart():
    file = bids_file(Path("sub-01_acq-tra_T1w_desc-tumour_mask.nii.gz"))
    assert (file.entities, file.suffix, file.words) == ({"sub": "01", "acq": "tra", "desc": "tumour"}, "mask", ("T1w",))


def test_tables_point_at_the_images_where_they_are(run):
    folder = run()
    rows = read_rows(folder / "images.tsv")
    assert [(row["patient"], row["sequence"]) for row in rows] == [
        (patient, sequence) for patient in ("sub-01", "sub-02") for sequence in ("T1w", "T2w")
    ]
    assert rows[0]["image"] == "../../bids/sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz"
    assert rows[0]["mask"].endswith("derivatives/manual/sub-01/ses-1/anat/sub-01_ses-1_label-tumour_mask.nii.gz")
    assert rows[1]["mask"] == ""  # the mask lies on the grid of T1w
    assert sorted(path.name for path in folder.iterdir()) == ["images.tsv", "patients.tsv"]


def test_sidecars_are_inherited_and_the_nearest_wins(run):
    row = read_rows(run() / "images.tsv")[0]
    assert (row["manufacturer"], row["te_ms"], row["field_strength_t"]) == ("Philips", "11", "3")
    assert (row["slice_step_mm"], row["matrix"]) == ("3", "8 x 9")


def test_participants_become_the_patients_table(run):
    assert read_rows(run() / "patients.tsv") == [
        {"patient": "sub-01", "age": "61", "sex": "F"},
        {"patient": "sub-02", "age": "45", "sex": "M"},
        {"patient": "sub-03", "age": "50", "sex": "F"},
    ]
    assert "1 patients of participants.tsv have no image that fits." in run.said


def test_the_study_runs_on_the_tables_as_they_are(run):
    choices = {"data": {"folder": str(run()), "incomplete_patients": "exclude"}, "reference": "T1w"}
    study = load_imported(run(), sequences={"T1w": None, "T2w": None}, **choices)
    assert list(study.patients) == ["sub-01", "sub-02"] and study.excluded["sub-03"][0] == "sequence_missing"


def test_a_mapping_names_sequences_by_file_names(run):
    folder = run("sequences: {T1: '_T1w', T2: '_T2w'}\nroi: 'tumour_mask'")
    assert [row["sequence"] for row in read_rows(folder / "images.tsv")] == ["T1", "T2"] * 2


def test_a_mask_that_names_its_image_belongs_to_it_even_on_a_shared_grid(run, bids):
    write(bids / "sub-01/ses-1/anat/sub-01_ses-1_FLAIR.nii.gz")
    assert "may belong to several images" in fault(run)
    old = bids / "derivatives/manual/sub-01/ses-1/anat/sub-01_ses-1_label-tumour_mask.nii.gz"
    (old.parent / "sub-01_ses-1_label-tumour_mask.json").write_text(
        json.dumps({"Sources": ["bids::sub-01/ses-1/anat/sub-01_ses-1_FLAIR.nii.gz"]})
    )
    assert [row["sequence"] for row in read_rows(run() / "images.tsv") if row["mask"]] == ["FLAIR", "T1w"]
    (old.parent / "sub-01_ses-1_label-tumour_mask.json").unlink()
    old.rename(old.with_name("sub-01_ses-1_space-T1w_label-tumour_mask.nii.gz"))
    assert [row["sequence"] for row in read_rows(run() / "images.tsv") if row["mask"]] == ["T1w", "T1w"]


def test_two_masks_of_one_image_are_chosen_by_roi_or_told_apart_as_readings(run, bids):
    for patient in ("sub-01", "sub-02"):
        folder = bids / f"derivatives/prep/{patient}/ses-1/anat"
        write(folder / f"{patient}_ses-1_desc-brain_mask.nii.gz", mask=True)
    assert "sub-01_ses-1_desc-brain_mask.nii.gz are both reader 1, repeat 1" in fault(run)
    folder = run("sequences: {T1w: T1w}\nroi: tumour")
    assert all("tumour" in row["mask"] for row in read_rows(folder / "images.tsv"))
    folder = run("sequences: {T1w: T1w}\nreadings: [{match: prep, reader: 2}]")
    assert [row["reader"] for row in read_rows(folder / "images.tsv")] == ["1", "2"] * 2


def test_a_mask_on_another_grid_is_refused_and_can_be_skipped(run, bids):
    name = "sub-01_ses-1_space-MNI_desc-tumour_mask.nii.gz"
    write(bids / "derivatives/prep/sub-01/ses-1/anat" / name, size=(10, 10, 10), mask=True)
    assert "it lies on the grid of none of the images it may belong to (sub-01_ses-1_T1w.nii.gz" in fault(run)
    run(f"sequences: {{T1w: T1w}}\nskip: [{name}]")


def test_two_sessions_need_a_choice(run, bids):
    write(bids / "sub-02/ses-2/anat/sub-02_ses-2_T1w.nii.gz")
    assert "patient sub-02, T1w: 2 images fit" in fault(run) and "Choose a session" in fault(run)
    rows = read_rows(run(session="ses-1") / "images.tsv")
    assert len(rows) == 4 and all("ses-1" in row["image"] for row in rows)


def test_two_runs_need_a_mapping(run, bids):
    write(bids / "sub-01/ses-1/anat/sub-01_ses-1_run-2_T1w.nii.gz")
    assert "Tell them apart by a mapping (MAP=)" in fault(run)


def test_a_dataset_without_fitting_images_lists_its_files(run):
    said = fault(run, "sequences: {CT: ct}")
    assert said.startswith("No image below") and "T1w.nii.gz" in said and "T2w.nii.gz" in said


def test_where_is_for_dicom_only(run):
    assert "`where` chooses DICOM files" in fault(run, "sequences: {T1: {series: T1w, where: {EchoNumbers: 1}}}")


def test_a_broken_sidecar_and_a_file_that_is_no_image_are_named(run, bids):
    image = bids / "sub-01/ses-1/anat/sub-01_ses-1_T2w.nii.gz"
    content = image.read_bytes()
    image.write_text("none")
    assert "patient sub-01, T2w: image" in fault(run) and "cannot be read" in fault(run)
    image.write_bytes(content)
    (bids / "T2w.json").write_text("{")
    assert "T2w.json is no JSON" in fault(run)


def test_participants_need_their_identifier(run, bids):
    (bids / "participants.tsv").write_text("id\tage\n1\t2\n")
    assert "column participant_id is missing" in fault(run)


def test_the_script_says_what_it_did_and_fails_with_the_faults(bids, tmp_path):
    script = Path(__file__).resolve().parents[2] / "scripts/import_bids.py"
    command = [sys.executable, str(script), str(bids), str(tmp_path / "study")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("4 images and 2 masks of 2 patients are in the tables in")
    failed = subprocess.run([*command, "--session", "9"], capture_output=True, text=True)
    assert failed.returncode == 1 and failed.stderr.startswith("No image below")
