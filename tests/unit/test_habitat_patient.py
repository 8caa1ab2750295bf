import json

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.habitat_patient import habitat_regions, habitat_voxels, read_patient
from habitat_radiomics.habitat_slices import read_slice
from habitat_radiomics.images import write_image


def labels(k):
    array = np.zeros((4, 6, 6), np.uint8)
    array[1:3, 1:5, 1:5] = 1
    array[1:3, 1:5, 3:5] = k
    return sitk.GetImageFromArray(array)


def files(folder, k):
    write_image(labels(2), str(folder / "labels.nii.gz"))
    (folder / "habitats.json").write_text(json.dumps({"k": k}))
    return [str(folder / "labels.nii.gz")], [str(folder / "habitats.json")]


def test_habitats_are_regions_under_the_name_of_their_set(tmp_path):
    sets = [{"name": "core", "bank": "D", "shape": True}]
    regions, banks, rows = habitat_regions(sets, *files(tmp_path, 3), reading="reader1")
    assert list(regions) == ["core1", "core2", "core3"] == list(banks)
    assert sitk.GetArrayFromImage(regions["core2"]).sum() == 16
    assert regions["core3"] is None
    shares = {row.region: row.value for row in rows if row.feature == "habitat_fraction"}
    assert shares == {"core1": 0.5, "core2": 0.5, "core3": 0.0}
    assert {row.reading for row in rows} == {"reader1"}


def test_size_and_neighbourhood_are_listed_under_one_sequence_only(tmp_path):
    sets = [{"name": "core", "bank": "D", "shape": False}]
    assert habitat_regions(sets, *files(tmp_path, 2), reading="reader1")[2] == []


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
