"""A small study run once from a copy of the checkout whose path has a space and an umlaut."""

import shutil

import pytest

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
