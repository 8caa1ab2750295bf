"""Patients of the small study as those of another centre, to whom a bundle is applied, for tests that run Snakemake."""

import csv
import os
import shutil
import subprocess
import sys

from habitat_radiomics.tables import read_table


def write_clinic(checkout, folder, patients, *, change=lambda row: row, without=()):
    """Copy images of some patients into a folder with tables of their own; return the paths of both tables.

    Parameters
    ----------
    change : callable
        Row of the patients table to the row that is written.
    without : iterable of (patient, sequence)
        Left out of the images table.
    """
    for patient in patients:
        shutil.copytree(checkout.results / "demo" / patient, folder / patient)
    tables = []
    for name in ("patients", "images"):
        with (checkout.results / f"tables/{name}.tsv").open(newline="") as stream:
            rows = [row for row in csv.DictReader(stream, delimiter="\t") if row["patient"] in patients]
        if name == "patients":
            rows = [change(row) for row in rows]
        rows = [row for row in rows if (row["patient"], row.get("sequence")) not in without]
        with (folder / f"{name}.tsv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        tables.append(folder / f"{name}.tsv")
    return tables


def apply_bundle(checkout, bundle, tables, out, *arguments, check=True):
    """Run what `make apply` runs; return what it printed."""
    command = [sys.executable, "scripts/apply_bundle.py", "--bundle", bundle, "--patients", tables[0]]
    command += ["--images", tables[1], "--out", out, "--cores", "2", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=checkout.folder, env=environment, capture_output=True, text=True)
    output = done.stdout + done.stderr
    assert not check or done.returncode == 0, output[-6000:]
    return output


def lines_by_patient(path, columns):
    """Cells of some columns of a table as they are written, by patient."""
    with path.open(newline="") as stream:
        return {row["patient"]: [row[column] for column in columns] for row in csv.DictReader(stream)}


def stored_lines(results, model, columns, *, cohorts=("train", "internal", "external")):
    """The same of a study's stored predictions, the cross-validated ones left out."""
    with (results / f"validate/{model}/predictions.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["cohort"] in cohorts]
    return {row["patient"]: [row[column] for column in columns] for row in rows}


def of_cohort(checkout, cohort, n):
    """The last patients of a cohort; the first ones were read several times, which takes longer."""
    outcome = read_table(checkout.results / "cohort/outcome.csv")
    return outcome[outcome["cohort"] == cohort]["patient"].tolist()[-n:]
