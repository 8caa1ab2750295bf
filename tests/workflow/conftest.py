"""A small study run once from a copy of the checkout whose path has a space and an umlaut."""

import shutil

import pytest

from applied_study import apply_bundle, of_cohort, write_clinic
from small_study import CONFIG, Checkout, copy_code


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """The small demo study, run once to the end."""
    checkout = Checkout(copy_code(tmp_path_factory.mktemp("Käse und Brot")), "small")
    checkout.run(CONFIG)
    return checkout


LAST_PATIENT = "P028"


@pytest.fixture(scope="session")
def own_data(checkout):
    """Half of the cohort as somebody's own tables and files: checkout and configuration, run once to the end."""
    data = checkout.folder / "eigene Däten"
    shutil.copytree(checkout.results / "demo", data)
    for name in ("patients", "images"):
        header, *lines = (checkout.results / "tables" / f"{name}.tsv").read_text().splitlines(keepends=True)
        kept = [line for line in lines if line.split("\t")[0] <= LAST_PATIENT]
        (data / f"{name}.tsv").write_text("".join([header, *kept]))
    config = {**CONFIG, "study": "own", "data": {"folder": data.name, "incomplete_patients": "exclude"}}
    del config["demo"]
    own = Checkout(checkout.folder, "own")
    own.run(config)
    return own, config, data


@pytest.fixture(scope="session")
def clinic(checkout):
    """The small study's models applied to 12 of its patients as those of another centre, and what is odd about these.

    Five have trained. One outcome is unknown, one centre is new, one patient lacks a sequence.
    """
    others = of_cohort(checkout, "external", 4) + of_cohort(checkout, "internal", 3)
    unknown, moved, lacking = others[0], others[1], others[-1]

    def change(row):
        changes = {unknown: {"progression": ""}, moved: {"site": "Z"}}
        return {**row, **changes.get(row["patient"], {})}

    folder, patients = checkout.folder / "andere Klinik", of_cohort(checkout, "train", 5) + others
    tables = write_clinic(checkout, folder, patients, change=change, without=[(lacking, "T2")])
    printed = apply_bundle(checkout, checkout.results / "model/bundle.zip", tables, "there", "--quiet", "rules")
    about = {"others": others, "unknown": unknown, "moved": moved, "lacking": lacking}
    return Checkout(checkout.folder, "there"), {**about, "tables": tables, "printed": printed}
