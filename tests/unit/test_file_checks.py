import numpy as np
import pytest
import SimpleITK as sitk

from habitat_radiomics.file_checks import scan_faults
from habitat_radiomics.state import FileFacts


def write(path, *, size=(6, 5, 4), spacing=(0.5, 0.5, 2.0), origin=(0.0, 0.0, 0.0)):
    image = sitk.GetImageFromArray(np.arange(np.prod(size), dtype=np.int16).reshape(size[::-1]))
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    sitk.WriteImage(image, str(path))
    return str(path)


@pytest.fixture
def faults(tmp_path):
    facts = FileFacts(tmp_path / "facts.json")
    return lambda image, *masks, tolerance_mm=0.1: scan_faults(image, list(masks), facts, tolerance_mm=tolerance_mm)


def only(found):
    assert len(found) == 1, found
    return found[0]


def test_files_on_one_grid_have_no_fault(faults, tmp_path):
    assert faults(write(tmp_path / "Bild mit Ü.nii.gz"), write(tmp_path / "m.nii.gz")) == []


def test_a_missing_file_is_named(faults, tmp_path):
    assert "mask" in only(faults(write(tmp_path / "i.nii.gz"), str(tmp_path / "absent.nii.gz")))
    assert "absent.nii.gz" in only(faults(write(tmp_path / "i.nii.gz"), str(tmp_path / "absent.nii.gz")))


def test_a_folder_instead_of_a_file_is_named(faults, tmp_path):
    (tmp_path / "series").mkdir()
    assert "series" in only(faults(str(tmp_path / "series"), write(tmp_path / "m.nii.gz")))


def test_a_file_that_is_no_image_is_named(faults, tmp_path):
    (tmp_path / "text.nii.gz").write_text("not an image")
    assert "text.nii.gz" in only(faults(str(tmp_path / "text.nii.gz"), write(tmp_path / "m.nii.gz")))


def test_another_spacing_says_both_values_and_the_cure(faults, tmp_path):
    sentence = only(faults(write(tmp_path / "i.nii.gz"), write(tmp_path / "m.nii.gz", spacing=(0.5, 0.5, 2.2))))
    assert "mask and image differ in spacing" in sentence
    assert "2.00" in sentence and "2.20" in sentence
    assert sentence.endswith("(m.nii.gz). Resample the mask to the image, or set data.geometry_tolerance_mm.")


def test_another_origin_passes_within_the_tolerance_only(faults, tmp_path):
    image, mask = write(tmp_path / "i.nii.gz"), write(tmp_path / "m.nii.gz", origin=(0.3, 0.0, 0.0))
    assert "origin" in only(faults(image, mask))
    assert faults(image, mask, tolerance_mm=0.4) == []


def test_another_size_is_a_fault_whatever_the_tolerance(faults, tmp_path):
    image, mask = write(tmp_path / "i.nii.gz"), write(tmp_path / "m.nii.gz", size=(6, 5, 3))
    assert "size" in only(faults(image, mask, tolerance_mm=1000))


def test_unchanged_files_are_not_opened_again(tmp_path, monkeypatch):
    image = write(tmp_path / "i.nii.gz")
    facts = FileFacts(tmp_path / "facts.json")
    scan_faults(image, [], facts, tolerance_mm=0.1)
    facts.save()
    monkeypatch.setattr("habitat_radiomics.file_checks.header_geometry", lambda *_, **__: pytest.fail("opened"))
    assert scan_faults(image, [], FileFacts(tmp_path / "facts.json"), tolerance_mm=0.1) == []
