import numpy as np
import pytest
import SimpleITK as sitk

from habitat_radiomics.habitat_shape import contact_areas, habitat_shape, shape_names
from imaging_phantoms import image_of

SPACING = (2.0, 3.0, 5.0)  # faces across x 15, across y 10, across z 6 mm2
# One slice, 3 x 4: habitat 1 in two parts, 2 between, 4 a single voxel, 3 missing.
ROWS = [[1, 2, 2, 1], [1, 2, 4, 0], [0, 0, 0, 0]]


@pytest.fixture(scope="module")
def rows():
    return habitat_shape(image_of(np.array([ROWS], np.uint8), spacing=SPACING), k=4)


def value(rows, habitat, name):
    found = {(row.region, row.feature): row for row in rows}[f"habitat{habitat}", f"habitat_{name}"]
    assert np.isnan(found.value) == bool(found.reason)
    return found.value


def test_sizes_are_counted_by_hand(rows):
    assert [value(rows, habitat, "voxels") for habitat in (1, 2, 3, 4)] == [3, 3, 0, 1]
    assert [value(rows, habitat, "volume_mm3") for habitat in (1, 2, 3, 4)] == [90, 90, 0, 30]
    assert [value(rows, habitat, "fraction") for habitat in (1, 2, 3, 4)] == pytest.approx([3 / 7, 3 / 7, 0, 1 / 7])


def test_parts_are_counted_by_hand(rows):
    assert [value(rows, habitat, "components") for habitat in (1, 2, 4)] == [2, 1, 1]
    assert [value(rows, habitat, "largest_component_share") for habitat in (1, 2, 4)] == pytest.approx([2 / 3, 1, 1])


def test_contact_is_the_area_of_shared_faces(rows):
    assert value(rows, 1, "contact_habitat2_mm2") == 15 + 15 + 15  # (0,0)-(0,1), (1,0)-(1,1), (0,2)-(0,3)
    assert value(rows, 2, "contact_habitat4_mm2") == 15 + 10  # (1,1)-(1,2), (0,2)-(1,2)
    assert value(rows, 1, "contact_habitat4_mm2") == 0
    assert value(rows, 4, "contact_outside_mm2") == 15 + 10 + 2 * 6
    assert (
        value(rows, 2, "contact_outside_mm2") == 10 + 10 + 10 + 3 * 2 * 6
    )  # above twice, below once; both slices' faces


def test_an_empty_habitat_has_size_zero_and_a_reason_for_the_rest(rows):
    empty = {row.feature: row for row in rows if row.region == "habitat3"}
    assert {name for name, row in empty.items() if not np.isnan(row.value)} == {
        "habitat_voxels",
        "habitat_volume_mm3",
        "habitat_fraction",
    }
    assert all(row.reason == "the habitat is empty" for row in empty.values() if np.isnan(row.value))
    towards = [row for row in rows if row.feature == "habitat_contact_habitat3_mm2"]
    assert [row.region for row in towards] == ["habitat1", "habitat2"]
    assert all(np.isnan(row.value) and row.reason == "the other habitat is empty" for row in towards)


def test_voxels_that_touch_at_a_corner_are_one_part():
    labels = np.zeros((2, 2, 2), np.uint8)
    labels[0, 0, 0] = labels[1, 1, 1] = 1
    assert value(habitat_shape(image_of(labels), k=1), 1, "components") == 1


def test_contacts_of_a_habitat_add_up_to_the_surface_of_its_voxels():
    labels = np.random.default_rng(0).integers(0, 4, (6, 7, 8)).astype(np.uint8)
    image = image_of(labels, spacing=SPACING)
    areas = contact_areas(image, k=3)
    for number in (1, 2, 3):
        padded = np.pad(labels == number, 1).astype(int)
        faces = [np.abs(np.diff(padded, axis=axis)).sum() for axis in (0, 1, 2)]
        assert areas[number].sum() == pytest.approx(np.dot(faces, [6, 10, 15]))
    assert (areas == areas.T).all()


def test_number_of_parts_is_that_of_connected_component_labelling():
    labels = np.random.default_rng(2).integers(0, 3, (5, 9, 9)).astype(np.uint8)
    labels[::2] = 0
    rows = habitat_shape(image_of(labels), k=2)
    from skimage.measure import label

    for number in (1, 2):
        assert value(rows, number, "components") == label(labels == number, connectivity=3).max()


def test_names_are_fixed_by_k_whatever_the_patient_has(rows):
    assert [(row.region, row.feature) for row in rows] == shape_names(4)
    lonely = image_of(np.pad(np.ones((1, 1, 1), np.uint8), 1))
    assert [(row.region, row.feature) for row in habitat_shape(lonely, k=4)] == shape_names(4)
    assert len(set(shape_names(4))) == 4 * 6 + 6


def test_values_do_not_depend_on_the_empty_space_around():
    labels = np.random.default_rng(1).integers(0, 3, (4, 5, 6)).astype(np.uint8)
    wide = habitat_shape(sitk.ConstantPad(image_of(labels), (3, 2, 1), (1, 1, 4)), k=2)
    assert wide == habitat_shape(image_of(labels), k=2)


def test_a_tumour_without_voxels_has_no_fraction():
    rows = habitat_shape(image_of(np.zeros((2, 2, 2), np.uint8)), k=1)
    assert np.isnan(value(rows, 1, "fraction"))
    assert value(rows, 1, "voxels") == 0


def test_labels_beyond_k_are_refused():
    with pytest.raises(ValueError, match="labels reach 4, but there are 2 habitats. Use the k they were made with"):
        habitat_shape(image_of(np.array([ROWS], np.uint8)), k=2)
