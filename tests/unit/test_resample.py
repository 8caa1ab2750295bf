"""Resampling to a centre-aligned grid, checked against scipy and by hand."""

import csv

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from habitat_radiomics.faults import DataFault
from habitat_radiomics.resample import (
    Grid,
    antialias_sigma_mm,
    crop_grid,
    field_of_view,
    grid_of,
    mask_part,
    resample_image,
    resample_mask,
    resampling_grid,
)
from imaging_phantoms import array_of, ball, image_of, noise_image

OBLIQUE = tuple(np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0].ravel())
GEOMETRY = {"spacing": (0.7, 0.9, 3.3), "origin": (-10.0, 5.0, 7.0)}


def centre_aligned_coordinates(shape, old, new):
    """Positions (z, y, x), in voxels of the old grid, of a new grid with the same centre; IBSI manual."""
    axes = []
    for n, s, t in zip(shape, old[::-1], new[::-1], strict=True):
        m = int(np.ceil(n * s / t))
        axes.append((np.arange(m) - (m - 1) / 2) * t / s + (n - 1) / 2)
    return np.array(np.meshgrid(*axes, indexing="ij"))


def interior(coordinates, shape):
    return np.all([(c >= 0) & (c <= n - 1) for c, n in zip(coordinates, shape, strict=True)], axis=0)


def test_the_grid_is_centre_aligned_and_covers_the_image():
    image = noise_image((3, 5, 10), spacing=(1.0, 2.0, 4.0), origin=(10.0, 20.0, 30.0))
    grid = resampling_grid(image, (3.0, 3.0, 3.0))
    # x: ceil(10 / 3) = 4 voxels span 9 mm between centres, as the old ones; y: ceil(10 / 3) = 4, 9 mm against 8;
    # z: ceil(12 / 3) = 4, 9 mm against 8
    assert grid.size == (4, 4, 4)
    np.testing.assert_allclose(grid.origin_mm, (10.0, 19.5, 29.5))


def test_the_grid_follows_the_axes_of_an_oblique_image():
    image = noise_image(**GEOMETRY, direction=OBLIQUE)
    grid = resampling_grid(image, (1.0, 1.0, 1.0))
    as_image = image_of(np.zeros(grid.size[::-1], np.uint8), spacing=grid.spacing_mm, origin=grid.origin_mm)
    as_image.SetDirection(grid.direction)
    centres = [i.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in i.GetSize()]) for i in (image, as_image)]
    np.testing.assert_allclose(*centres, atol=1e-9)
    assert grid.direction == image.GetDirection()


@pytest.mark.parametrize(("name", "spacing"), [("b", (2.0, 2.0, None)), ("c", (2.0, 2.0, 2.0))])
def test_the_grid_of_the_ibsi_chest_ct_has_the_published_size(shared_data, name, spacing):
    with (shared_data / "ibsi1" / "reference_values" / f"ibsi_1_chest_config_{name}.csv").open() as stream:
        values = {row["tag"]: row["reference value"] for row in csv.DictReader(stream, delimiter=";")}
    size = [int(values[f"img_dim_{axis}_init_img"]) for axis in "xyz"]
    image = sitk.Image(size, sitk.sitkUInt8)
    image.SetSpacing((0.9765625, 0.9765625, 3.0))
    assert resampling_grid(image, spacing).size == tuple(int(values[f"img_dim_{axis}_interp_img"]) for axis in "xyz")


def test_no_spacing_keeps_the_native_grid_and_rounded_headers_add_no_slice():
    image = noise_image(**GEOMETRY)
    assert resampling_grid(image, None) == grid_of(image)
    kept = resampling_grid(image, (1.0, None, None))
    assert kept.spacing_mm == (1.0, 0.9, 3.3)
    assert kept.size[1:] == image.GetSize()[1:]
    rounded = noise_image((12, 20, 25), spacing=(float(np.float32(0.6)), 0.9, 3.3))
    assert rounded.GetSpacing()[0] > 0.6
    assert resampling_grid(rounded, (0.6, None, None)).size[0] == 25


@pytest.mark.parametrize(("interpolator", "order"), [("bspline", 3), ("linear", 1)])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.5, 1.4, 5.0)])
def test_interpolated_values_equal_those_of_scipy(interpolator, order, spacing):
    image = noise_image(**GEOMETRY)
    values = array_of(image).astype(np.float64)
    coordinates = centre_aligned_coordinates(values.shape, GEOMETRY["spacing"], spacing)
    expected = ndimage.map_coordinates(values, coordinates, order=order, mode="mirror")
    found = array_of(resample_image(image, resampling_grid(image, spacing), interpolator=interpolator))
    inside = interior(coordinates, values.shape)
    assert found.shape == expected.shape
    assert inside.sum() > 500
    np.testing.assert_allclose(found[inside], expected[inside], rtol=0, atol=2e-5)


def test_nearest_takes_the_value_of_the_nearest_voxel():
    image = noise_image(**GEOMETRY)
    values = array_of(image)
    coordinates = centre_aligned_coordinates(values.shape, GEOMETRY["spacing"], (1.1, 1.1, 1.1))
    nearest = [np.clip(np.rint(c).astype(int), 0, n - 1) for c, n in zip(coordinates, values.shape, strict=True)]
    grid = resampling_grid(image, (1.1, 1.1, 1.1))
    np.testing.assert_array_equal(array_of(resample_image(image, grid, interpolator="nearest")), values[tuple(nearest)])


def test_beyond_the_image_the_edge_is_repeated_and_flagged():
    image = noise_image((6, 8, 10))
    grid = Grid((16, 8, 6), (1.0, 1.0, 1.0), (-3.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    values = array_of(image)
    for interpolator in ("bspline", "linear", "nearest"):
        found = array_of(resample_image(image, grid, interpolator=interpolator))
        np.testing.assert_allclose(found, np.pad(values, ((0, 0), (0, 0), (3, 3)), mode="edge"), atol=1e-4)
    seen = array_of(field_of_view(image, grid))
    np.testing.assert_array_equal(seen, np.pad(np.ones_like(values), ((0, 0), (0, 0), (3, 3))))


@pytest.mark.parametrize("interpolator", ["bspline", "linear", "nearest"])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("direction", [(1, 0, 0, 0, 1, 0, 0, 0, 1), OBLIQUE])
def test_resampling_onto_the_crop_equals_cropping_the_resampled_image(interpolator, antialias, direction):
    image = noise_image((14, 30, 32), **GEOMETRY, direction=direction)
    inside = np.zeros((14, 30, 32), np.uint8)
    inside[6:9, 12:18, 15:20] = 1
    mask = image_of(inside, **GEOMETRY, direction=direction)
    whole = resampling_grid(image, (1.3, 1.3, 1.3))
    part = crop_grid(whole, [mask], margin_mm=3.0, padding_voxels=1)
    assert np.prod(part.size) < 0.3 * np.prod(whole.size)
    options = {"interpolator": interpolator, "antialias": antialias}
    all_values = resample_image(image, whole, **options)
    start = all_values.TransformPhysicalPointToIndex(part.origin_mm)
    cut = sitk.RegionOfInterest(all_values, part.size, start)
    last_digit = 1 if interpolator == "linear" else 0  # weights of exactly one half are ties of float32
    np.testing.assert_array_max_ulp(array_of(resample_image(image, part, **options)), array_of(cut), last_digit)
    np.testing.assert_allclose(cut.GetOrigin(), part.origin_mm, atol=1e-9)


def test_the_crop_holds_the_whole_mask_and_its_margin_and_no_more():
    image = noise_image((20, 40, 40))
    mask = ball((20, 40, 40), (20, 18, 10), 4)
    part = crop_grid(grid_of(image), [mask], margin_mm=2.0, padding_voxels=1)
    # 4 voxels of radius to each side, half a voxel of extent rounded up, 2 mm and 1 voxel of margin
    assert part.size == (17, 17, 17)
    assert part.origin_mm == (12.0, 10.0, 2.0)
    assert array_of(resample_mask(mask, part)).sum() == array_of(mask).sum()
    other = ball((20, 40, 40), (30, 18, 10), 3)
    both = crop_grid(grid_of(image), [mask, other])
    assert array_of(resample_mask(other, both)).sum() == array_of(other).sum()
    assert both.size[0] > part.size[0]


def test_the_crop_ends_at_the_image_and_a_mask_elsewhere_is_refused():
    image = noise_image((20, 40, 40))
    mask = ball((20, 40, 40), (2, 38, 10), 4)
    part = crop_grid(grid_of(image), [mask], margin_mm=5.0)
    assert part.origin_mm[0] == 0.0
    assert part.origin_mm[1] + part.size[1] == 40
    mask.SetOrigin((500.0, 0.0, 0.0))
    with pytest.raises(DataFault, match="no voxel of the mask lies within the image") as caught:
        crop_grid(grid_of(image), [mask])
    assert caught.value.code == "mask_outside_image"


def test_the_native_grid_and_parts_of_it_are_copied_exactly():
    image = noise_image(**GEOMETRY, direction=OBLIQUE)
    np.testing.assert_array_equal(array_of(resample_image(image, resampling_grid(image, None))), array_of(image))
    part = crop_grid(grid_of(image), [image_of(array_of(image) * 0 + 1, **GEOMETRY, direction=OBLIQUE)])
    assert part.size == image.GetSize()
    cut = image[3:9, 2:8, 4:10]
    np.testing.assert_array_equal(array_of(resample_image(image, grid_of(cut))), array_of(cut))


def test_a_mask_is_inside_where_trilinear_interpolation_reaches_one_half():
    mask = image_of((np.random.default_rng(2).random((12, 20, 24)) < 0.4).astype(np.uint8), **GEOMETRY)
    spacing = (1.0, 1.0, 1.0)
    coordinates = centre_aligned_coordinates((12, 20, 24), GEOMETRY["spacing"], spacing)
    share = ndimage.map_coordinates(array_of(mask).astype(np.float64), coordinates, order=1, mode="nearest")
    found = array_of(resample_mask(mask, resampling_grid(mask, spacing)))
    sure = interior(coordinates, (12, 20, 24)) & (np.abs(share - 0.5) > 1e-4)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[sure], share[sure] > 0.5)


def test_exactly_one_half_is_inside_and_beyond_the_mask_nothing_is():
    mask = image_of(np.array([[[1, 0, 0, 1]]], np.uint8))
    axes = (1, 0, 0, 0, 1, 0, 0, 0, 1)
    between = Grid((8, 1, 1), (0.5, 1.0, 1.0), (0.0, 0.0, 0.0), axes)
    assert array_of(resample_mask(mask, between)).ravel().tolist() == [1, 1, 0, 0, 0, 1, 1, 0]
    beyond = Grid((6, 1, 1), (1.0, 1.0, 1.0), (-1.0, 0.0, 0.0), axes)
    assert array_of(resample_mask(mask, beyond)).ravel().tolist() == [0, 1, 0, 0, 1, 0]


def test_a_transform_maps_points_of_the_grid_to_points_of_the_image():
    image = noise_image((12, 20, 24))
    transform = sitk.Euler3DTransform()
    transform.SetRotation(0.1, -0.05, 0.2)
    transform.SetTranslation((1.5, -0.5, 0.75))
    z, y, x = np.indices((12, 20, 24))
    points = np.array(
        [transform.TransformPoint(p) for p in np.column_stack([x.ravel(), y.ravel(), z.ravel()]).astype(float)]
    )
    coordinates = points.T[::-1].reshape(3, 12, 20, 24)
    expected = ndimage.map_coordinates(array_of(image).astype(float), coordinates, order=3, mode="mirror")
    found = array_of(resample_image(image, grid_of(image), transform=transform))
    inside = interior(coordinates, (12, 20, 24))
    assert 0.5 < inside.mean() < 1
    np.testing.assert_allclose(found[inside], expected[inside], atol=2e-5)
    seen = array_of(field_of_view(image, grid_of(image), transform=transform))
    assert seen[inside].all()
    assert not seen.all()


def test_the_antialias_width_is_that_of_the_point_spread_difference():
    # full widths add in squares: 2 mm = sqrt(1^2 + w^2), w = sqrt(3), sigma = w / 2.35482 = 0.73554
    np.testing.assert_allclose(antialias_sigma_mm((1.0, 1.0, 4.0), (2.0, 1.0, 1.0)), (0.73554, 0, 0), atol=1e-5)


def test_antialiasing_smooths_coarsened_axes_by_that_gaussian():
    image = noise_image((8, 10, 64))
    found = array_of(
        resample_image(image, resampling_grid(image, (2.0, 1.0, 1.0)), interpolator="linear", antialias=True)
    )
    kernel = np.exp(-(np.arange(-3, 4) ** 2) / (2 * 0.73554**2))
    padded = np.pad(array_of(image).astype(float), ((0, 0), (0, 0), (3, 3)), mode="edge")
    smooth = np.apply_along_axis(np.convolve, 2, padded, kernel / kernel.sum(), "valid")
    np.testing.assert_allclose(found, (smooth[:, :, 0::2] + smooth[:, :, 1::2]) / 2, atol=1e-3)


def test_antialiasing_removes_what_the_coarse_grid_cannot_hold():
    stripes = np.broadcast_to(np.cos(0.8 * np.pi * np.arange(96)) * 100, (8, 8, 96)).astype(np.float32)
    grid = resampling_grid(image_of(stripes), (3.0, 1.0, 1.0))
    plain = array_of(resample_image(image_of(stripes), grid))[:, :, 4:-4]
    smooth = array_of(resample_image(image_of(stripes), grid, antialias=True))[:, :, 4:-4]
    assert plain.std() > 40
    assert smooth.std() < 2


def test_intensities_are_rounded_only_when_asked():
    image = noise_image(**GEOMETRY)
    grid = resampling_grid(image, (1.0, 1.0, 1.0))
    plain = array_of(resample_image(image, grid))
    rounded = array_of(resample_image(image, grid, round_intensity=True))
    np.testing.assert_array_equal(rounded, np.floor(plain + 0.5))
    assert rounded.dtype == np.float32


def test_b_splines_refuse_an_image_of_three_slices_and_linear_does_not():
    image = noise_image((3, 20, 24))
    grid = resampling_grid(image, (1.5, 1.5, 1.5))
    with pytest.raises(DataFault, match="3 voxels along one axis; B-spline interpolation needs 4") as caught:
        resample_image(image, grid)
    assert caught.value.code == "image_too_thin"
    assert resample_image(image, grid, interpolator="linear").GetSize() == grid.size


def test_the_part_of_a_mask_holds_all_of_it():
    mask = ball((20, 40, 40), (20, 18, 10), 4)
    part = mask_part(mask)
    assert part.GetSize() == (9, 9, 9)
    assert array_of(part).sum() == array_of(mask).sum()
    assert part.GetOrigin() == (16.0, 14.0, 6.0)


def test_values_do_not_depend_on_the_number_of_threads():
    image = noise_image((20, 60, 60), **GEOMETRY)
    grid = resampling_grid(image, (1.0, 1.0, 1.0))
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    found = []
    for threads in (1, 4):
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
        found.append(array_of(resample_image(image, grid, antialias=True)))
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    np.testing.assert_array_equal(*found)
