"""The images and masks of the demo cohort: geometry, anatomy, scanners, readers, planted subregions."""

import numpy as np
import pytest
import SimpleITK as sitk
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from habitat_radiomics.simulate import SEQUENCES, latent_truth, patient_files, patient_names
from habitat_radiomics.simulate_images import simulate_patient, tumour_texture

SEED = 537


def array(image):
    return sitk.GetArrayFromImage(image)


def truth(patient):
    return latent_truth(SEED, patient, site_b_fraction=0.44)


@pytest.fixture(scope="module")
def cohort():
    """Five patients of each site, with all their files."""
    names = patient_names(40)
    chosen = [[name for name in names if truth(name).site == site][:5] for site in "AB"]
    return {name: simulate_patient({}, name) for name in sum(chosen, [])}


def of_site(cohort, site):
    return [files for name, files in cohort.items() if truth(name).site == site]


def dice(first, second):
    first, second = array(first) > 0, array(second) > 0
    return 2 * np.count_nonzero(first & second) / (np.count_nonzero(first) + np.count_nonzero(second))


def body_of(image):
    """The patient's body by threshold, its holes filled: needs nothing of the simulator."""
    smooth = sitk.DiscreteGaussian(sitk.Cast(image, sitk.sitkFloat32), 1.0)
    return sitk.BinaryFillhole(sitk.BinaryMorphologicalClosing(sitk.OtsuThreshold(smooth, 0, 1), [3, 3, 1]))


def normalised(image, mask):
    """Z-score over the neighbourhood of the tumour."""
    values = array(image).astype(np.float32)
    near = values[array(sitk.BinaryDilate(mask, [12, 12, 5])) > 0]
    result = sitk.GetImageFromArray((values - near.mean()) / near.std())
    result.CopyInformation(image)
    return result


def voxels_with_labels(files):
    """Normalised T1 and T2 values of the tumour's voxels on the grid of the truth, and their true labels."""
    labels = files["subregions.nii.gz"]
    inside = array(labels) > 0
    images = [normalised(files[f"{name}.nii.gz"], files[f"{name}.r1.nii.gz"]) for name in ("T1", "T2")]
    return np.stack([array(sitk.Resample(image, labels))[inside] for image in images], 1), array(labels)[inside]


def test_every_patient_has_every_promised_file(cohort):
    for files in cohort.values():
        assert sorted(files) == sorted(patient_files(["T1", "T2"]))
        assert files["T1.nii.gz"].GetPixelID() == sitk.sitkInt16
        assert files["T2.r2.nii.gz"].GetPixelID() == sitk.sitkUInt8


def test_the_same_patient_has_the_same_bytes_on_any_number_of_threads(cohort):
    name = next(iter(cohort))
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1 if threads > 1 else 3)
    try:
        again = simulate_patient({}, name)
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    assert {file: array(image).tobytes() for file, image in again.items()} == {
        file: array(image).tobytes() for file, image in cohort[name].items()
    }


def test_images_do_not_depend_on_outcomes_or_the_number_of_patients(cohort):
    name = next(iter(cohort))
    again = simulate_patient({"outcome": "null", "outcome_seed": 77, "patients": 60}, name)
    assert all(np.array_equal(array(again[file]), array(image)) for file, image in cohort[name].items())


def test_another_seed_gives_another_patient(cohort):
    name = next(iter(cohort))
    other = simulate_patient({"seed": 1}, name)["T1.nii.gz"]
    assert not np.array_equal(array(other), array(cohort[name]["T1.nii.gz"]))


def test_sequences_lie_on_different_grids_of_one_world_and_masks_on_their_own(cohort):
    files = next(iter(cohort.values()))
    t1, t2 = files["T1.nii.gz"], files["T2.nii.gz"]
    assert t1.GetSpacing() == (1.0, 1.0, 2.2)
    assert t2.GetSpacing() == (0.9, 0.9, 2.5)
    assert t1.GetDirection() == t2.GetDirection() == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    for name, image in (("T1", t1), ("T2", t2)):
        centre = image.TransformContinuousIndexToPhysicalPoint([(size - 1) / 2 for size in image.GetSize()])
        assert centre == pytest.approx(SEQUENCES[name].offset_mm, abs=1e-3)
        for reading in ("r1", "r1b", "r2"):
            mask = files[f"{name}.{reading}.nii.gz"]
            assert (mask.GetSize(), mask.GetSpacing(), mask.GetOrigin()) == (
                image.GetSize(),
                image.GetSpacing(),
                image.GetOrigin(),
            )


def test_masks_of_both_sequences_cover_the_same_place(cohort):
    for files in cohort.values():
        moved = sitk.Resample(files["T2.r1.nii.gz"], files["T1.r1.nii.gz"], sitk.Transform(), sitk.sitkNearestNeighbor)
        assert dice(moved, files["T1.r1.nii.gz"]) > 0.87


def test_a_moving_patient_shifts_later_sequences_by_at_most_the_setting(cohort):
    def centroid(image):
        stats = sitk.LabelShapeStatisticsImageFilter()
        stats.Execute(image)
        return np.array(stats.GetCentroid(1))

    for name, still in list(cohort.items())[:3]:
        moved = simulate_patient({"motion_mm": 3.0}, name)
        assert np.array_equal(array(moved["T1.nii.gz"]), array(still["T1.nii.gz"]))
        distance = np.linalg.norm(centroid(moved["T2.r1.nii.gz"]) - centroid(still["T2.r1.nii.gz"]))
        assert 0 < distance < 3.1


def test_tumours_lie_well_inside_the_body(cohort):
    for files in cohort.values():
        body = body_of(files["T1.nii.gz"])
        depth = sitk.SignedMaurerDistanceMap(body, insideIsPositive=True, squaredDistance=False, useImageSpacing=True)
        mask = array(files["T1.r1.nii.gz"]) > 0
        assert array(depth)[mask].min() > 11
        slices = np.flatnonzero(mask.any(axis=(1, 2)))
        assert slices.min() >= 5
        assert slices.max() < mask.shape[0] - 5


def test_tumour_volume_is_the_latent_one(cohort):
    for name, files in cohort.items():
        mask = files["T1.r1.nii.gz"]
        volume = np.count_nonzero(array(mask)) * np.prod(mask.GetSpacing())
        assert volume == pytest.approx(4 / 3 * np.pi * truth(name).radius_mm ** 3, rel=0.06)


def test_readers_agree_as_well_as_people_do(cohort):
    for sequence in ("T1", "T2"):
        masks = [
            [files[f"{sequence}.{reading}.nii.gz"] for reading in ("r1", "r1b", "r2")] for files in cohort.values()
        ]
        intra = np.mean([dice(first, again) for first, again, _ in masks])
        inter = np.mean([dice(first, other) for first, _, other in masks])
        assert 0.92 <= intra <= 0.96
        assert 0.88 <= inter < intra
        assert all(array(other).sum() > array(first).sum() for first, _, other in masks), "reader 2 draws wider"


def test_site_b_has_the_stated_gain_and_more_noise(cohort):
    def tissue_median(files):
        return np.median(array(files["T1.nii.gz"])[array(body_of(files["T1.nii.gz"])) > 0])

    def air_level(files):
        return array(files["T1.nii.gz"])[:, :4, :4].mean()

    medians, air = (
        [np.mean([measure(files) for files in of_site(cohort, site)]) for site in "AB"]
        for measure in (tissue_median, air_level)
    )
    assert medians[1] / medians[0] == pytest.approx(1.8, rel=0.08)
    rayleigh_mean = np.sqrt(np.pi / 2)  # of Rician noise without signal (Gudbjartsson and Patz, 1995)
    assert air == pytest.approx([9.0 * rayleigh_mean, 1.8 * 13.0 * rayleigh_mean], rel=0.03)


def test_sites_differ_in_the_pattern_of_their_field(cohort):
    def front_to_back(files):
        image = array(files["T1.nii.gz"])
        front, back = image[:, 10:40, 30:60], image[:, 50:80, 30:60]
        return np.median(back) / np.median(front)

    ratio_a, ratio_b = (np.median([front_to_back(files) for files in of_site(cohort, site)]) for site in "AB")
    assert ratio_b > ratio_a + 0.05


def test_planted_shares_are_the_latent_ones_and_each_subregion_is_one_piece(cohort):
    for name, files in cohort.items():
        labels = array(files["subregions.nii.gz"])
        counts = np.bincount(labels.ravel(), minlength=4)[1:]
        latent = truth(name)
        assert counts / counts.sum() == pytest.approx(
            [latent.core_fraction, 1 - latent.core_fraction - latent.fraction, latent.fraction], abs=0.001
        )
        for label in (1, 2, 3):
            pieces = sitk.ConnectedComponent(files["subregions.nii.gz"] == label)
            assert np.bincount(array(pieces).ravel())[1:].max() > 0.95 * counts[label - 1]


def test_subregions_rise_in_intensity_in_every_sequence():
    files = simulate_patient({"sequences": list(SEQUENCES)}, "P001")
    labels = files["subregions.nii.gz"]
    for sequence in SEQUENCES:
        values = array(sitk.Resample(files[f"{sequence}.nii.gz"], labels))
        core, bulk, aggressive = (np.median(values[array(labels) == label]) for label in (1, 2, 3))
        assert core < 0.7 * bulk < bulk < 0.8 * aggressive


def test_shared_centres_on_normalised_intensities_recover_the_subregions(cohort):
    values, labels = zip(*(voxels_with_labels(files) for files in cohort.values()), strict=True)
    random = np.random.default_rng(0)
    pooled = np.concatenate([voxels[random.choice(len(voxels), 1000)] for voxels in values])
    centres = KMeans(3, n_init=3, random_state=0).fit(pooled)
    agreement = [adjusted_rand_score(own, centres.predict(voxels)) for voxels, own in zip(values, labels, strict=True)]
    assert np.mean(agreement) >= 0.8


def test_the_bayesian_criterion_finds_three_subregions(cohort):
    random = np.random.default_rng(0)
    values = [voxels_with_labels(files)[0] for files in cohort.values()]
    pooled = np.concatenate([voxels[random.choice(len(voxels), 250)] for voxels in values])
    criterion = [GaussianMixture(k, n_init=2, random_state=0).fit(pooled).bic(pooled) for k in range(1, 6)]
    assert np.argmin(criterion) + 1 == 3


def test_texture_grows_coarser_and_stronger_with_its_latent_value():
    fields = [tumour_texture(SEED, "P001", np.random.default_rng(0), texture) for texture in (0.1, 0.5, 0.9)]
    neighbours = [np.corrcoef(field[:, :, 1:].ravel(), field[:, :, :-1].ravel())[0, 1] for field in fields]
    assert neighbours == sorted(neighbours)
    assert neighbours[-1] > neighbours[0] + 0.2
    assert [field.std() for field in fields] == sorted(field.std() for field in fields)


def test_an_image_takes_little_room(cohort, tmp_path):
    files = of_site(cohort, "B")[0]
    for sequence in ("T1", "T2"):
        path = tmp_path / f"{sequence}.nii.gz"
        sitk.WriteImage(files[f"{sequence}.nii.gz"], path, useCompression=True)
        assert path.stat().st_size < 400_000
