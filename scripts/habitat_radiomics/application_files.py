"""The configuration behind `make apply`: a study that takes its models from a bundle, its patients from tables."""

import re
from pathlib import Path

from habitat_radiomics.bundle import read_bundle
from habitat_radiomics.bundle_config import has_images
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.whole_files import replace_text

RESULTS, CONFIG = "results", "apply.yaml"
STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def prepare_application(bundle, *, patients, images, name, results=RESULTS):
    """Check a bundle and write the configuration that applies it; return the path of the configuration.

    Parameters
    ----------
    bundle, patients, images : str
        Files; image and mask paths start at the folder of ``images``.
    name : str
        Everything is written below ``results/<name>``; ``results/`` before it may be given too.
    results : str
        Folder of all studies.

    Raises
    ------
    StudyFault
        For a bundle that `bundle.read_bundle` refuses, tables that do not exist, and a name that another study has.
    """
    name = name.strip("/").removeprefix(f"{RESULTS}/")
    if not STUDY_NAME.fullmatch(name):
        raise StudyFault(f"OUT is {name!r}: give a name of letters, digits, '_', '-' and '.'; it names a folder.")
    for option, path in (("PATIENTS", patients), ("IMAGES", images)):
        if not Path(path).is_file():
            raise StudyFault(f"{option} is {path}, which does not exist. Name a table (TSV, CSV or XLSX).")
    config = Path(results, name, CONFIG)
    if config.parent.exists() and not config.is_file():
        raise StudyFault(f"{config.parent} belongs to another study. Choose another OUT.")
    # The rules check it whole before any job; here it has to be worth a folder.
    if not has_images(read_bundle(bundle, objects=False).config):
        raise StudyFault(
            f"{Path(bundle).name} predicts by features from tables, not from images. Write a configuration with study, "
            "bundle and data (folder, patients, features), and run snakemake --configfile with it."
        )
    replace_text(config, application_config(bundle, patients=patients, images=images, name=name))
    return str(config)


def application_config(bundle, *, patients, images, name):
    """Return the configuration as YAML text."""
    import yaml

    images = Path(images)
    data = {"folder": str(images.parent), "patients": str(Path(patients).resolve()), "images": images.name}
    return yaml.safe_dump({"study": name, "bundle": str(bundle), "data": data}, sort_keys=False, allow_unicode=True)
