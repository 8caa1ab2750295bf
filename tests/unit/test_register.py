"""Registration of pairs whose true movement is known."""

import numpy as np
import pytest
import SimpleITK as sitk

from habitat_radiomics import register as registration
from habitat_radiomics.images import read_image
from habitat_radiomics.register import displacement_costs, register, registration_doubt
from imaging_phantoms import image_of

SHAPE, SPACING = (18, 48, 48), (2.0, 2.0, 4.0)
CENTRES = [(0, 0, 0), (10, 5, 0), (-14, -8, 6), (5, -18, -8), (-10, 14, -4)]
RADII = [(38, 32, 30), (12, 9, 14), (10, 12, 8), (9, 6, 9), (7, 7, 12)]
CONTRASTS = {"first": (100, 160, -70, 60, 80), "second": (60, -40, 120, 90, -30)}


@pytest.fixture(autouse=True)
def one_thread():
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    yield
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def head(contrast, *, moved_by=None, spacing=SPACING, seed=0):
    """Ellipsoids in a head; moved_by maps points of the still head to those of this one."""
    origin = [-(n - 1) * s / 2 for n, s in zip(SHAPE[::-1], spacing, strict=True)]
    z, y, x = [axis * s + o for axis, s, o in zip(np.indices(SHAPE), spacing[::-1], origin[::-1], strict=True)]
    points = np.stack([x, y, z], axis=-1)
    if moved_by is not None:
        back = moved_by.GetInverse()
        points = points @ np.reshape(back.GetMatrix(), (3, 3)).T + back.GetTranslation()
    values = 3 * np.random.default_rng(seed).normal(size=SHAPE)
    for centre, radius, level in zip(CENTRES, RADII, CONTRASTS[contrast], strict=True):
        outside = np.square((points - centre) / radius).sum(axis=-1) - 1
        values += level / (1 + np.exp(np.clip(12 * outside, -50, 50)))
    return image_of(values.astype(np.float32), spacing=spacing, origin=origin)


def movement(rotation=(0.05, -0.04, 0.07), translation=(3.0, -2.0, 2.5)):
    transform = sitk.Euler3DTransform()
    transform.SetRotation(*rotation)
    transform.SetTranslation(translation)
    return transform


def rotation_error_degrees(found, true):
    left, _, right = np.linalg.svd(np.reshape(found.GetMatrix(), (3, 3)))
    between = left @ right @ np.reshape(true.GetMatrix(), (3, 3)).T
    return np.degrees(np.arccos(min(1.0, (np.trace(between) - 1) / 2)))


def largest_error_mm(found, true, reach=20.0):
    points = [(x, y, z) for x in (-reach, reach) for y in (-reach, reach) for z in (-reach, reach)]
    return max(np.linalg.norm(np.subtract(found.TransformPoint(p), true.TransformPoint(p))) for p in points)


def test_a_known_movement_between_two_contrasts_is_recovered():
    true = movement()
    found, record = register(head("first"), head("second", moved_by=true, spacing=(2.1, 2.1, 4.0), seed=1), seed=3)
    assert rotation_error_degrees(found, true) < 0.5
    assert largest_error_mm(found, true) < 0.5
    assert not record["failed"]
    assert record["reason"] is None
    assert record["start"] == "header"
    assert record["metric_after"] < record["metric_before"] < 0
    assert record["translation_mm"] == pytest.approx(np.linalg.norm((3.0, -2.0, 2.5)), abs=0.5)
    assert record["rotation_degrees"] == pytest.approx(5.4, abs=0.6)
    assert record["hold"] > 0.2
    assert record["gain"] < 0.01


def test_affine_registration_recovers_a_stretch():
    true = sitk.AffineTransform(3)
    true.SetMatrix((1.06, 0.02, 0, 0, 0.95, 0, 0, 0, 1.0))
    true.SetTranslation((2.0, -1.0, 1.0))
    fixed, moving = head("first"), head("second", moved_by=true, seed=1)
    affine, record = register(fixed, moving, method="affine", seed=3)
    rigid, _ = register(fixed, moving, method="rigid", seed=3)
    assert largest_error_mm(affine, true) < 0.5 * largest_error_mm(rigid, true)
    assert largest_error_mm(affine, true) < 1.2  # of 20 mm
    assert record["method"] == "affine"
    assert not record["failed"]


def test_a_pure_rotation_of_centred_images_is_found_and_fails_beyond_its_limit():
    true = movement((0.0, 0.0, 0.15), (0.0, 0.0, 0.0))
    found, record = register(head("first"), head("second", moved_by=true, seed=1), seed=3, max_rotation_degrees=2)
    assert largest_error_mm(found, true) < 0.5
    assert record["rotation_degrees"] == pytest.approx(np.degrees(0.15), abs=0.5)
    assert record["failed"]
    assert record["reason"].startswith("it turned the image by 8.")
    assert record["reason"].endswith("degrees, more than 2")


def test_the_same_seed_gives_the_same_transform_and_an_aligned_pair_stays():
    fixed, moving = head("first"), head("second", seed=1)
    found = [register(fixed, moving, seed=seed)[0] for seed in (0, 0, 6)]
    parameters = [transform.GetParameters() for transform in found]
    assert parameters[0] == parameters[1] != parameters[2]
    assert largest_error_mm(found[0], sitk.Euler3DTransform()) < 0.5


def test_only_the_masked_part_is_compared():
    true = movement()
    fixed, moving = head("first"), head("second", moved_by=true, seed=1)
    spoiled = sitk.GetArrayFromImage(fixed)
    spoiled[:, 34:] = np.random.default_rng(0).normal(100, 50, spoiled[:, 34:].shape)
    mask = np.ones(SHAPE, np.uint8)
    mask[:, 34:] = 0
    fixed = image_of(spoiled, spacing=SPACING, origin=fixed.GetOrigin())
    found, _ = register(
        fixed, moving, fixed_mask=image_of(mask, spacing=SPACING, origin=fixed.GetOrigin()), seed=3, samples=10_000
    )
    assert largest_error_mm(found, true) < 1.0


def test_headers_without_overlap_start_from_the_centres():
    true = movement(translation=(500.0, 0.0, 0.0))
    moving = head("second", moved_by=movement(translation=(0.0, 0.0, 0.0)), seed=1)
    moving.SetOrigin(np.add(moving.GetOrigin(), (500.0, 0.0, 0.0)).tolist())
    found, record = register(head("first"), moving, seed=3, max_translation_mm=600)
    assert record["start"] == "centre"
    assert largest_error_mm(found, true) < 0.5


def test_a_translation_beyond_its_limit_fails_with_the_reason():
    true = movement(translation=(8.0, 0.0, 0.0))
    fixed, moving = head("first"), head("second", moved_by=true, seed=1)
    _, record = register(fixed, moving, seed=3, max_translation_mm=5)
    assert record["failed"]
    assert record["reason"].startswith("it moved the image by 8.")
    assert record["reason"].endswith("more than 5 mm")


@pytest.mark.parametrize("missed_mm", [(5.0, 0, 0), (0, -12.0, 0), (0, 0, 9.0)])
def test_a_solution_that_missed_its_place_fails_with_the_reason(monkeypatch, missed_mm):
    found = registration._from_coarse_to_fine

    def miss(pyramid, transform, method, settings):
        transform = found(pyramid, transform, method, settings)
        unit = pyramid[-1][0].GetSpacing()[0] / SPACING[0]  # of the world in which images are registered
        transform.SetTranslation(np.add(transform.GetTranslation(), np.multiply(missed_mm, unit)).tolist())
        return transform

    monkeypatch.setattr(registration, "_from_coarse_to_fine", miss)
    _, record = register(head("first"), head("second", moved_by=movement((0, 0, 0), (9, 9, 9)), seed=1), seed=3)
    assert record["failed"]
    assert record["reason"].startswith("the images fit better some millimetres or degrees away (mutual information ")
    assert record["gain"] > 0.02


def test_images_that_have_too_little_in_common_may_move_little_with_a_warning_and_not_far():
    noise = np.random.default_rng(7).normal(100, 20, SHAPE).astype(np.float32)
    fixed = head("first")
    costs = displacement_costs(
        fixed, image_of(noise, spacing=SPACING, origin=fixed.GetOrigin()), sitk.Euler3DTransform()
    )
    assert abs(costs.mean()) < 0.1
    found = {"metric_before": -0.1, "metric_after": -0.2, "hold": costs.mean(), "gain": 0.0}
    far, near = ({**found, "rotation_degrees": turned, "translation_mm": 2.0} for turned in (12.0, 1.0))
    reason = registration._failure(far, 30, 50)
    assert reason.startswith("the images have too little in common to hold it where it is (a displacement costs ")
    assert reason.endswith("yet it moved them by 2.0 mm and 12.0 degrees")
    assert registration._failure(near, 30, 50) is None
    doubt = registration_doubt({**near, "failed": False})
    assert doubt.startswith("the registration could not be verified: a displacement of some millimetres costs ")
    assert registration_doubt({**near, "hold": 0.3, "failed": False}) == ""
    assert registration_doubt({"method": "none"}) == ""


def test_displacements_are_judged_where_all_of_them_see_the_moving_image():
    fixed = head("first")
    costs = displacement_costs(fixed, head("second", seed=1), sitk.Euler3DTransform())
    assert costs.shape == (12,)
    assert (costs > 0).all()
    away = sitk.TranslationTransform(3, (500.0, 0.0, 0.0))
    assert displacement_costs(fixed, head("second", seed=1), away).tolist() == [0.0] * 12


def test_mr_and_pet_of_a_limb_which_registration_tears_apart_fail(shared_data):
    """Their headers agree; mutual information of 0.2 nats turns them by 18 degrees."""
    folder = shared_data / "sts36" / "nifti" / "STS_008"
    mr, pet = (read_image(folder / f"{sequence}_image.nii.gz") for sequence in ("MR_T1", "PET"))
    _, record = register(mr, pet, seed=1)
    assert record["metric_after"] < record["metric_before"]
    assert record["rotation_degrees"] > 5
    assert record["failed"]
    assert record["hold"] < 0.1


def test_images_that_lose_their_overlap_fail_with_the_reason():
    moving = head("second")
    moving.SetOrigin(np.add(moving.GetOrigin(), (45.0, 45.0, 0.0)).tolist())
    corner = np.zeros(SHAPE, np.uint8)
    corner[:, :4, :4] = 1
    fixed = head("first")
    mask = image_of(corner, spacing=SPACING, origin=fixed.GetOrigin())
    _, record = register(fixed, moving, fixed_mask=mask, seed=3)
    assert record["failed"]
    assert record["reason"].startswith("the images lost their overlap (")


@pytest.mark.parametrize("sequence", ["T2", "FLAIR"])
def test_a_moved_real_sequence_is_brought_back_to_t1(shared_data, sequence):
    folder = shared_data / "ms26_crop_4seq"
    fixed, still = read_image(folder / "T1.nii.gz"), read_image(folder / f"{sequence}.nii.gz")
    centre = fixed.TransformContinuousIndexToPhysicalPoint((27.5, 31.5, 23.5))
    true = movement((0.04, -0.05, 0.06), (3.0, -2.0, 1.5))
    true.SetCenter(centre)
    moved = sitk.Resample(still, still, true.GetInverse(), sitk.sitkBSpline)[6:-6, 6:-6, 6:-6]
    found, record = register(fixed, moved, seed=1)
    points = [np.add(centre, offset) for offset in ((15, 15, 15), (-15, 15, -15), (15, -15, -15), (-15, -15, 15))]
    errors = [np.linalg.norm(np.subtract(found.TransformPoint(p), true.TransformPoint(p))) for p in points]
    assert max(errors) < 1.0
    assert not record["failed"]
