"""A file is whole or not there."""

import subprocess
import sys
from pathlib import Path

import pytest

from habitat_radiomics.whole_files import replace_text, whole_file

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
FULL_DISK = """
import resource, sys
import numpy as np, pandas as pd, SimpleITK as sitk
sys.path.insert(0, sys.argv[1])
from habitat_radiomics.images import write_image
from habitat_radiomics.tables import write_table
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
noise = np.random.default_rng(1).normal(size=(30, 30, 30)).astype(np.float32)
if sys.argv[2].endswith("csv"):
    write_table(sys.argv[2], pd.DataFrame(noise[0]).melt().assign(text="a" * 50))
else:
    write_image(sitk.GetImageFromArray(noise), sys.argv[2])
"""


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "sub/a.txt"
    replace_text(path, "old")
    with pytest.raises(RuntimeError), whole_file(path) as unfinished:
        unfinished.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["image.nii.gz", "image.nii", "table.csv"])
def test_on_a_full_disk_a_job_fails_and_leaves_no_file(tmp_path, name):
    """A limit on the size of files stands in for the disk: writing fails in the middle with the same system call."""
    command = [sys.executable, "-c", FULL_DISK, str(SCRIPTS), str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "Is the disk full" in done.stderr or "File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []
