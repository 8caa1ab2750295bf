"""Shape features: by hand, and against pyradiomics' mesh."""

import itertools

import numpy as np
import pytest
import radiomics
import SimpleITK as sitk

from habitat_radiomics.feature_names import DEPRECATED_SHAPE_FEATURES, SHAPE_FEATURES
from habitat_radiomics.shape_features import cube_table, shape_values


def pyradiomics_values(inside, spacing):
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    mask.SetSpacing([float(mm) for mm in spacing[::-1]])
    calculator = radiomics.getFeatureClasses()["shape"](sitk.Cast(mask, sitk.sitkFloat32), mask, label=1)
    return {name: float(np.real(getattr(calculator, f"get{name}FeatureValue")())) for name in SHAPE_FEATURES}


def region(kind):
    random = np.random.default_rng(7)
    grid = np.indices((18, 21, 23))
    ball = ((grid - np.array([9, 10, 11])[:, None, None, None]) ** 2).sum(axis=0) <= 49
    return {
        "cube of 8": np.ones((2, 2, 2), bool),
        "slice": np.ones((1, 4, 5), bool),
        "corner to corner": np.eye(2, dtype=bool)[:, :, None] & np.eye(2, dtype=bool)[None],
        "ball": ball,
        "shell": ball & ~np.roll(ball, 5, axis=2),
        "scattered": ball & (random.random(ball.shape) < 0.3),
        "noise": random.random(ball.shape) < 0.5,
    }[kind]


KINDS = ("cube of 8", "slice", "corner to corner", "ball", "shell", "scattered", "noise")


@pytest.mark.parametrize("spacing", [(1, 1, 1), (3, 0.7, 0.8)])
@pytest.mark.parametrize("kind", KINDS)
def test_every_feature_equals_that_of_pyradiomics(kind, spacing):
    inside = region(kind)
    expected, found = pyradiomics_values(inside, spacing), shape_values(inside, spacing)
    assert set(found) == {*SHAPE_FEATURES, *DEPRECATED_SHAPE_FEATURES}
    np.testing.assert_allclose([found[name] for name in SHAPE_FEATURES], list(expected.values()), rtol=1e-9, atol=1e-9)


def test_the_surface_of_a_single_voxel_is_an_octahedron():
    half, found = np.array([1.0, 2.0, 3.0]) / 2, shape_values(np.ones((1, 1, 1), bool), (1, 2, 3))
    normals = np.cross([-half[0], half[1], 0], [-half[0], 0, half[2]])
    assert found["SurfaceArea"] == pytest.approx(8 * np.linalg.norm(normals) / 2)
    assert found["MeshVolume"] == pytest.approx(8 * half.prod() / 6)
    assert found["VoxelVolume"] == 6
    assert found["Maximum3DDiameter"] == 3
    assert [found[f"Maximum2DDiameter{plane}"] for plane in ("Slice", "Column", "Row")] == [3, 3, 2]


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_diameter_is_that_of_all_pairs_of_vertices(seed):
    inside = np.random.default_rng(seed).random((6, 7, 8)) < 0.15
    padded, vertices = np.pad(inside, 1), []
    for axis in range(3):
        for place in np.argwhere(np.diff(padded.astype(int), axis=axis)):
            vertices.append(place + np.eye(3)[axis] / 2)
    spacing = np.array([2.0, 0.9, 1.1])
    farthest = max(np.linalg.norm((a - b) * spacing) for a, b in itertools.combinations(vertices, 2))
    assert shape_values(inside, spacing)["Maximum3DDiameter"] == pytest.approx(farthest, rel=1e-12)


def test_area_and_volume_do_not_depend_on_the_place_in_the_box():
    inside = region("ball")
    moved = np.pad(inside, ((3, 0), (0, 2), (5, 1)))
    first, second = shape_values(inside, (3, 1, 2)), shape_values(moved, (3, 1, 2))
    assert first["MeshVolume"] == pytest.approx(second["MeshVolume"], rel=1e-12)
    assert first["SurfaceArea"] == pytest.approx(second["SurfaceArea"], rel=1e-12)


def test_a_cube_without_or_full_of_voxels_adds_nothing():
    table = cube_table((1.0, 1.0, 1.0))
    assert table.areas[[0, 255]].tolist() == [0, 0]
    assert not table.shifts[[0, 255]].any() and (table.areas[1:255] > 0).all()
