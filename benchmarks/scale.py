"""Time and memory of planning (dry run) a study of many patients, with the files of settings written on the way.

python benchmarks/scale.py 100 1000 10000          four sequences each; tiny files, because planning never opens voxels
"""

import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import SimpleITK as sitk
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "scripts")]

from small_study import CONFIG, copy_code  # noqa: E402

SEQUENCES = ("T1", "T2", "FLAIR", "T1C")
COHORTS = ("train", "train", "internal", "external")
HEADER = f"{'patients':>8} {'jobs':>7} {'run':>6} {'wall s':>7} {'CPU s':>6} {'MB':>6} {'CPU ms/job':>10}"


def main():
    """Print two lines for every number of patients.

    ``first``: every file is hashed and its header read, all settings are written, every job is listed with its reason.
    ``again``: nothing of it has changed, and the jobs are only counted, as before a real run.
    """
    print(HEADER)
    for count in map(int, sys.argv[1:] or ("100", "1000")):
        with tempfile.TemporaryDirectory(prefix="scale-") as name:
            folder = copy_code(Path(name))
            write_study(folder, count)
            *first, output = plan(folder, "rules", "reason")
            jobs = next(int(line.split()[1]) for line in output.splitlines() if line.split()[:1] == ["total"])
            report(count, jobs, "first", *first)
            *again, _ = plan(folder, "rules", "progress")
            report(count, jobs, "again", *again)


def write_study(folder, count):
    """Write tables, configuration and one tiny image and mask per scan."""
    data = folder / "data"
    image, mask = tiny_files(folder)
    patients = [f"P{number:05d}" for number in range(count)]
    for patient in patients:
        (data / patient).mkdir(parents=True)
        for sequence in SEQUENCES:
            (data / f"{patient}/{sequence}.nii").write_bytes(image + patient.encode())
            (data / f"{patient}/{sequence}.mask.nii").write_bytes(mask + patient.encode())
    scans = [
        {"patient": p, "sequence": s, "image": f"{p}/{s}.nii", "mask": f"{p}/{s}.mask.nii"}
        for p in patients
        for s in SEQUENCES
    ]
    write_table(data / "images.tsv", scans)
    rows = [
        {"patient": p, "cohort": COHORTS[n % 4], "age": 40 + n % 40, "sex": "FM"[n % 2], "progression": n // 4 % 2}
        for n, p in enumerate(patients)
    ]
    write_table(data / "patients.tsv", rows)
    config = {**CONFIG, "study": "scale", "data": {"folder": "data"}, "sequences": dict.fromkeys(SEQUENCES)}
    del config["demo"]
    one_reading = [step for step in CONFIG["signatures"]["tumour"]["steps"] if "icc" not in step]
    config["signatures"] = {name: {**kind, "steps": one_reading} for name, kind in CONFIG["signatures"].items()}
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def tiny_files(folder):
    """Bytes of an image of 8 x 8 x 8 voxels and of its mask."""
    image = sitk.GaussianSource(sitk.sitkUInt8, [8, 8, 8], [2, 2, 2], [4, 4, 4])
    for name, volume in (("image.nii", image), ("mask.nii", sitk.Cast(image > 100, sitk.sitkUInt8))):
        sitk.WriteImage(volume, str(folder / name))
    return (folder / "image.nii").read_bytes(), (folder / "mask.nii").read_bytes()


def write_table(path, rows):
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def plan(folder, *quiet):
    """Plan the study; return wall and CPU seconds, peak memory in MB and what was printed."""
    command = [sys.executable, "-m", "snakemake", "--configfile", "study.yaml", "--cores", "1", "--dry-run"]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--quiet", *quiet],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(output[-4000:])
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output


def report(count, jobs, run, wall, cpu, memory):
    """Print one line of the table."""
    print(f"{count:8} {jobs:7} {run:>6} {wall:7.1f} {cpu:6.1f} {memory:6.0f} {1000 * cpu / jobs:10.2f}", flush=True)


if __name__ == "__main__":
    main()
