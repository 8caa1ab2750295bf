import json

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.habitat_patient import habitat_voxels, read_patient
from habitat_radiomics.habitat_slices import read_slice
from habitat_radiomics.images import write_image


def labels(k):
    array = np.zeros((4, 6, 6), np.uint8)
    array[1:3, 1:5, 1:5] = 1
    array[1:3, 1:5, 3:5] = k
    return sitk.GetImageFromArray(array)


def test_voxels_are_counted_also_where_there_are_none():
    assert habitat_voxels(labels(2), k=3) == [16, 16, 0]


def test_the_tumour_alone_is_clustered_not_its_shell(tmp_path):
    image = sitk.Cast(labels(2), sitk.sitkFloat32)
    write_image(image, str(tmp_path / "T2.nii.gz"))
    write_image(labels(2), str(tmp_path / "regions.nii.gz"))
    images, mask = read_patient(["T2"], [str(tmp_path / "T2.nii.gz")], str(tmp_path / "regions.nii.gz"))
    assert list(images) == ["T2"]
    assert sitk.GetArrayFromImage(mask).sum() == 16


def test_a_patient_that_cannot_be_labelled_is_shown_by_the_reason(tmp_path):
    record = tmp_path / "record.json"
    record.write_text(json.dumps({"faults": [{"code": "mask_empty", "message": "the mask is empty."}], "measures": {}}))
    assert read_slice("none", "none", record) == "the mask is empty."
