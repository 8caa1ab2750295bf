"""What only shows in the voxels: every fault gets its reason, nobody else is lost, and the policy is followed."""

import gzip
import json
import shutil

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.tables import read_table


def rewrite(path, change):
    image = sitk.ReadImage(str(path))
    array = change(sitk.GetArrayFromImage(image).astype(np.float32))
    changed = sitk.GetImageFromArray(array)
    changed.CopyInformation(image)
    sitk.WriteImage(changed, str(path), useCompression=True)


def keep_two_voxels(array):
    kept = np.zeros_like(array)
    first = np.argwhere(array > 0)[0]
    kept[tuple(first)] = kept[first[0], first[1], first[2] + 1] = 1
    return kept


def insert_nan(path):
    """SimpleITK's reader turns NaN in NIfTI into 0, so the bytes are changed: the last voxel, float32."""
    rewrite(path, lambda array: array)
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-4:] = np.float32(np.nan).tobytes()
    path.write_bytes(gzip.compress(bytes(content)))


FAULTS = {
    "image_unreadable": ("T1.nii.gz", lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])),
    "image_constant": ("T1.nii.gz", lambda path: rewrite(path, lambda array: np.full_like(array, 7))),
    "image_not_finite": ("T2.nii.gz", insert_nan),
    "mask_empty": ("T2.r1.nii.gz", lambda path: rewrite(path, np.zeros_like)),
    "mask_label_absent": ("T1.r1.nii.gz", lambda path: rewrite(path, lambda array: 3 * array)),
    "mask_too_small": ("T1.r1.nii.gz", lambda path: rewrite(path, keep_two_voxels)),
}


def test_unusable_patients_are_excluded_with_their_reason_or_stop_the_study(own_data):
    own, config, data = own_data
    backup = data.parent / "backup"
    shutil.copytree(data, backup)
    everyone = read_table(own.results / "cohort/outcome.csv")["patient"].tolist()
    patients = everyone[-len(FAULTS) :]
    broken = dict(zip(FAULTS, patients, strict=True))
    for code, patient in broken.items():
        name, damage = FAULTS[code]
        damage(data / patient / name)
    second_reading = next(data.glob("*/T1.r2.nii.gz"))
    try:
        own.run(config, "--quiet", "all", "--", "results/own/cohort/flow.csv")
        quality = read_table(own.results / "quality/validation.csv")
        quality = quality._append(read_table(own.results / "quality/training.csv"))
        found = quality[~quality["usable"]].set_index("code")["patient"].to_dict()
        assert found == broken
        flow = read_table(own.results / "cohort/flow.csv")
        assert flow.query("step == 'excluded'")["patients"].tolist() == [1] * len(FAULTS)
        assert flow.query("step == 'included'")["patients"].item() == len(everyone) - len(FAULTS)
        messages = quality[~quality["usable"]]["message"]
        assert all("." in message and len(message) > 40 for message in messages)

        stop = {**config, "data": {**config["data"], "incomplete_patients": "stop"}}
        output = own.run(stop, "--", "results/own/cohort/flow.csv", check=False)
        assert "Patients that cannot be used: " in output
        for patient in patients:
            assert f"patient {patient}, " in output
    finally:
        shutil.rmtree(data)
        backup.rename(data)
    assert second_reading.exists()


def test_an_unusable_second_reading_costs_the_reading_not_the_patient(own_data):
    own, config, data = own_data
    own.run(config, "--quiet", "all", "--", "results/own/quality/training.csv")
    training = json.loads((own.results / "state/training.json").read_text())["patients"]
    readings = read_table(own.results / "features/training_readings.parquet")
    patient = next(patient for patient in training if patient in set(readings["patient"]))
    mask = data / patient / "T1.r2.nii.gz"
    content = mask.read_bytes()
    rewrite(mask, np.zeros_like)
    try:
        own.run(config, "--quiet", "all", "--", "results/own/quality/training.csv")
        row = read_table(own.results / "quality/training.csv").set_index(["patient", "sequence"]).loc[(patient, "T1")]
        assert row["usable"]
        assert "reading reader2 was not used" in row["warnings"]
    finally:
        mask.write_bytes(content)


def test_faults_of_tables_and_files_stop_before_the_first_job_all_together(own_data):
    own, config, data = own_data
    table = data / "images.tsv"
    content = table.read_text()
    lines = content.split("\n")
    lines[1] = lines[1].replace("T1.nii.gz", "nothing.nii.gz")
    lines[2] = lines[2].replace("T1.r1", "T2.r1") if "r1" in lines[2] else lines[2]
    table.write_bytes("\r\n".join(lines).encode())
    try:
        output = own.run({**config, "sead": 1}, "--dry-run", check=False)
        assert "unknown key 'sead' in the top level. Did you mean 'seed'?" in output
        output = own.run(config, "--dry-run", check=False)
        assert "The study cannot start" in output
        assert "nothing.nii.gz" in output
    finally:
        table.write_text(content)
    assert "The study cannot start" not in own.run(config, "--dry-run")
