"""Where tests find data that is not in the repository."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def shared_folder():
    """The folder of real data: $HABITAT_DATA, or ../shared/data beside the checkout; None when absent."""
    folder = Path(os.environ.get("HABITAT_DATA", ROOT.parent / "shared" / "data"))
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def shared_data():
    """Folder with the real data sets; the test is skipped, with this sentence, where they are absent."""
    folder = shared_folder()
    if folder is None:
        pytest.skip("real data folder not found: set HABITAT_DATA, or put it at ../shared/data")
    return folder


@pytest.fixture(scope="session")
def pyradiomics_folder():
    """pyradiomics' test images and baseline tables: unpacked from its source archive, or the shared copy."""
    shared = shared_folder()
    for folder in (ROOT / "tests/cache/pyradiomics", shared and shared / "pyradiomics_baseline"):
        if folder and folder.is_dir():
            return folder
    pytest.skip("pyradiomics' test images are not here: make tests/cache/pyradiomics")
