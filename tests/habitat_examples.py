"""Small tumours with known habitats, and the demo cohort prepared for clustering, for the tests of habitats."""

from functools import cache
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.habitats import voxel_sample
from habitat_radiomics.intensity import normalise_intensity
from habitat_radiomics.preprocess import preprocess_image
from habitat_radiomics.resample import grid_of, resample_mask
from habitat_radiomics.simulate import latent_truth
from habitat_radiomics.simulate_images import simulate_patient
from imaging_phantoms import image_of

DEMO_SEED, DEMO_PATIENTS = 537, 20
SEQUENCES = ["T1", "T2"]
PREPROCESSING = {
    "grid": {"spacing_mm": (1, 1, 1), "margin_mm": 5, "padding_voxels": 3},
    "resample": {"interpolator": "bspline", "antialias": True, "round_intensity": False},
    "registration": {"method": "none"},
    "bias": {"enabled": False},
    "body": {"fraction": 0.1},
    "quality": {"maximum_outside_share": 0.1, "minimum_voxels": 30},
}


class Patient(NamedTuple):
    """Normalised images by sequence, the tumour's mask, and the planted subregions (array, 0 outside)."""

    images: dict
    mask: sitk.Image
    truth: np.ndarray
    site: str


@cache
def demo_cohort():
    """Patients P001 on of the demo cohort: z-score of the body, no bias correction, on T1's grid of 1 mm."""
    return {name: _demo_patient(name) for name in (f"P{number:03d}" for number in range(1, DEMO_PATIENTS + 1))}


def _demo_patient(name):
    files = simulate_patient({"seed": DEMO_SEED, "sequences": SEQUENCES}, name)
    drawn = files["T1.r1.nii.gz"]
    images = {}
    for sequence in SEQUENCES:
        image = files[f"{sequence}.nii.gz"]
        on_grid, _, record = preprocess_image(image, {"r1": drawn}, PREPROCESSING, reference=files["T1.nii.gz"])
        images[sequence] = normalise_intensity(on_grid, record["statistics"], method="zscore")
    truth = sitk.Resample(files["subregions.nii.gz"], images["T1"], sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    site = latent_truth(DEMO_SEED, name, site_b_fraction=0.44).site
    return Patient(images, resample_mask(drawn, grid_of(images["T1"])), sitk.GetArrayFromImage(truth), site)


@cache
def demo_samples(sequences=tuple(SEQUENCES), limit=2000):
    """Samples of the demo cohort's voxels."""
    return {
        name: voxel_sample({s: patient.images[s] for s in sequences}, patient.mask, limit=limit, seed=0)
        for name, patient in demo_cohort().items()
    }


def layered_patient(*, levels=((10.0, 5.0), (20.0, 9.0), (40.0, 2.0)), noise=0.5, seed=0, shape=(9, 12, 14)):
    """A box tumour of layers along x, each with its level in T1 and T2; labels 1.. by layer, 0 in the rim around."""
    random = np.random.default_rng(seed)
    truth = np.zeros(shape, np.uint8)
    inner = np.arange(shape[2] - 4) * len(levels) // (shape[2] - 4) + 1
    truth[2:-2, 2:-2, 2:-2] = inner
    values = np.array([(0.0, 0.0), *levels])[truth]
    images = {
        sequence: image_of((values[..., i] + noise * random.standard_normal(shape)).astype(np.float32))
        for i, sequence in enumerate(SEQUENCES)
    }
    return Patient(images, image_of((truth > 0).astype(np.uint8)), truth, "A")


def layered_cohort(count=6, **options):
    """Layered tumours with other noise each."""
    return {f"L{number}": layered_patient(seed=number, **options) for number in range(count)}


def samples_of(cohort, *, limit=400, sequences=tuple(SEQUENCES)):
    """Samples of the voxels of a cohort."""
    return {
        name: voxel_sample({s: patient.images[s] for s in sequences}, patient.mask, limit=limit, seed=1)
        for name, patient in cohort.items()
    }
