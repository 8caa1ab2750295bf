"""Rows of the table for feature extraction: pyradiomics as used and ours on the same images.

A tumour of 30,000 voxels of 1 mm with three habitats mixed like salt and pepper and a shell of 10 mm, in a volume of
3.7 million voxels; 1130 features of each region (original, wavelets, LoG of 1, 3 and 5 mm).
"""

from harness import ROOT, Comparison, peak_mb  # isort: skip  sets threads before numpy is imported

import math
import subprocess
import sys
from functools import cache

import numpy as np
import radiomics
import SimpleITK as sitk
from radiomics.featureextractor import RadiomicsFeatureExtractor
from scipy.ndimage import distance_transform_edt, gaussian_filter

from habitat_radiomics.banks import bank_of, shape_feature_names
from habitat_radiomics.boxes import bounding_box, cropped
from habitat_radiomics.cross_check import difference
from habitat_radiomics.features import extract_features
from habitat_radiomics.grey_levels import grey_levels_of
from habitat_radiomics.kernels import compile_features
from habitat_radiomics.texture_features import texture_values
from habitat_radiomics.texture_matrices import neighbourhood, texture_matrices

VOLUME, VOXELS, SHELL_MM, PAD = (100, 192, 192), 30_000, 10, 25
BANK_IMAGES = 12
LARGE_VOLUME, LARGE_REGION = (300, 512, 512), 500_000
SIGMAS_MM = (1.0, 3.0, 5.0)
TEXTURES = {"image_types": {"Original": {}}, "classes": ["glcm", "glrlm", "glszm", "gldm", "ngtdm"], "shape": False}


radiomics.setVerbosity(60)
sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


@cache
def scan(voxels=None):
    """Image of correlated noise, and its regions: tumour, shell, and three habitats without connected parts."""
    volume, voxels = VOLUME, voxels or VOXELS
    random, grid = np.random.default_rng(0), np.indices(volume, dtype=np.float32)
    distance = np.sqrt(sum((axis - size / 2) ** 2 for axis, size in zip(grid, volume, strict=True)))
    distance += 2 * _smooth(random, volume, 6)
    tumour = distance < np.partition(distance.ravel(), voxels)[voxels]
    texture = _smooth(random, volume, 3)
    array = 400 + 120 * texture + 150 * tumour + 30 * random.normal(size=volume)
    mixed = _smooth(random, volume, 1.5)
    habitat = np.digitize(mixed, np.quantile(mixed[tumour], [1 / 3, 2 / 3])) + 1
    regions = {"tumour": tumour, "shell": (distance_transform_edt(~tumour) <= SHELL_MM) & ~tumour}
    regions |= {f"habitat{i}": tumour & (habitat == i) for i in (1, 2, 3)}
    masks = {name: sitk.GetImageFromArray(region.astype(np.uint8)) for name, region in regions.items()}
    return sitk.GetImageFromArray(array.astype(np.float32)), masks


def _smooth(random, volume, sigma):
    noise = gaussian_filter(random.normal(size=volume).astype(np.float32), sigma)
    return noise / noise.std()


@cache
def cropped_scan():
    """The same, cropped to the regions and 25 voxels around them."""
    image, masks = scan()
    union = np.logical_or.reduce([sitk.GetArrayViewFromImage(mask) for mask in masks.values()])
    box = tuple(slice(max(side.start - PAD, 0), side.stop + PAD) for side in bounding_box(union))
    return cropped(image, box), {name: cropped(mask, box) for name, mask in masks.items()}


def _tight(name, voxels=None):
    """Image and mask of one region, cropped to its box."""
    image, masks = scan(voxels)
    box = bounding_box(sitk.GetArrayViewFromImage(masks[name]) > 0)
    return cropped(image, box), {name: cropped(masks[name], box)}


# the comparisons


def five_regions_in_the_full_volume():
    """The goal of the issue: every region of a patient's sequence, as the images come."""
    return _regions(scan(), "five regions x 1130 features, full volume", 0.5, 25)


def five_regions_cropped():
    """The same in an image cropped by hand, as pyradiomics' preCrop with padDistance 25 does."""
    return _regions(cropped_scan(), "five regions x 1130 features, cropped to 25 voxels around", 0.5, 12)


def _regions(scanned, step, goal_s, goal_ratio):
    image, masks = scanned

    def theirs():
        return {name: executed(image, mask, "A") for name, mask in masks.items()}

    def ours():
        rows = extract_features(image, masks, banks=dict.fromkeys(masks, "A"), settings={}, engine="fast")
        values = {name: {} for name in masks}
        for region, feature, value, _ in rows:
            values[region][feature] = value
        return values

    return Comparison(
        step, "pyradiomics", theirs, ours, _largest_difference, goal_s, goal_ratio, rounds=1, warm=compile_features
    )


def executed(image, mask, bank):
    """Values by pyradiomics' own extractor."""
    bank, extractor = bank_of(bank), RadiomicsFeatureExtractor(additionalInfo=False)
    extractor.enabledImagetypes = bank["image_types"]
    shape = {"shape": shape_feature_names(bank)} if bank["shape"] else {}
    extractor.enabledFeatures = {**shape, **bank["classes"]}
    return {name: float(np.real(value)) for name, value in extractor.execute(image, mask).items()}


def _largest_difference(theirs, ours):
    pairs = [(ours[region][name], value) for region, values in theirs.items() for name, value in values.items()]
    differences = [difference(*pair) for pair in pairs]
    above = sum(each > 1e-6 for each in differences)
    return f"{len(pairs)} values, {above} differ by more than 1e-6, largest {max(differences):.0e}"


def texture_of_30000_voxels():
    """Five texture classes of one more image of a region whose neighbours are known."""
    return _texture(VOXELS)


def texture_of_5000_voxels():
    """The same in a small region, where calculating features weighs more than counting."""
    return _texture(5000)


def _texture(voxels):
    image, masks = _tight("tumour", voxels)
    inside, array = (sitk.GetArrayFromImage(each) for each in (masks["tumour"], image))
    around = neighbourhood(inside > 0, distances=[1])
    values = array[inside > 0]

    def ours():
        found = _textures(values, around)
        named = ((f"original_{of}_{name}", value) for of, features in found.items() for name, value in features.items())
        return {"tumour": dict(named)}

    return Comparison(
        f"textures of one image, {voxels:,} voxels",
        "pyradiomics",
        lambda: {"tumour": executed(image, masks["tumour"], TEXTURES)},
        ours,
        _largest_difference,
        150e-9 * voxels,
        rounds=15,
        warm=compile_features,
    )


def native_batch_of_30000_voxels():
    """Textures of the images of a bank beside the C code of HABIT, the closest rival."""
    return _native_batch(VOXELS)


def native_batch_of_5000_voxels():
    """The same in a small region."""
    return _native_batch(5000)


def _native_batch(voxels):
    image, masks = _tight("tumour", voxels)
    inside = sitk.GetArrayFromImage(masks["tumour"]) > 0
    label, array = sitk.Cast(masks["tumour"], sitk.sitkInt32), sitk.GetArrayFromImage(image)
    random = np.random.default_rng(1)
    arrays = [array + random.normal(0, 20, array.shape).astype(np.float32) for _ in range(BANK_IMAGES)]
    images = [sitk.GetImageFromArray(each) for each in arrays]
    rival = _native_extraction()

    def theirs():
        asked = {"enabled_features": dict.fromkeys(TEXTURES["classes"], []), "settings": {"binWidth": 25}}
        return [rival(each, label, np.array([1]), **asked) for each in images]

    def ours():
        around = neighbourhood(inside, distances=[1])
        return [_textures(each[inside], around) for each in arrays]

    return Comparison(
        f"textures of the {BANK_IMAGES} images of a bank, {voxels:,} voxels, geometry included",
        "HABIT 3.0.0, native C batch" if rival else "HABIT 3.0.0 not installed (habitat-analysis)",
        theirs if rival else None,
        ours,
        _native_difference,
        math.inf,
        5.0 if rival else 0.0,
        warm=compile_features,
    )


def _native_extraction():
    """HABIT's function where its package can be imported (PYTHONPATH of a built source archive suffices), or None."""
    try:
        from habit.kernels.radiomics.native_batch import extract_native_supervoxel_features, is_cext_available
    except ImportError:
        return None
    return extract_native_supervoxel_features if is_cext_available() else None


def _native_difference(theirs, ours):
    """Its columns are called class_feature and perhaps a suffix."""
    if theirs is None:
        return f"{len(ours)} images"
    pairs = []
    for table, found in zip(theirs, ours, strict=True):
        for column in table.columns[1:]:
            of, name = column.removeprefix("original_").split("_", 1)
            pairs.append((found[of].get(name), float(table[column].iloc[0])))
    differences = [difference(*pair) for pair in pairs if pair[0] is not None]
    above = sum(each > 1e-6 for each in differences)
    return f"{len(differences)} values, {above} differ by more than 1e-6, largest {max(differences, default=0):.0e}"


def _textures(values, around):
    grey = grey_levels_of(values, np.sort(values), {"bin_width": 25, "bin_count": None})
    matrices = texture_matrices(grey.ranks, grey.levels, around, 0)
    return texture_values(matrices, grey.levels, grey.voxels, around, None)


def process_start():
    """What a job that extracts features costs before it computes: interpreter, imports, stored machine code."""
    start = "import sys; sys.path.insert(0, 'scripts'); from habitat_radiomics import entry, extraction, {}"
    return Comparison(
        "start of a job that extracts features, kernels compiled before",
        "pyradiomics, the same job",
        lambda: _child(start.format("reference_engine")),
        lambda: _child(start.format("fast_engine, kernels; kernels.compile_features()")),
        lambda _, __: "ours calls every kernel once, on 8 x 8 x 8 voxels",
        0.05,
        warm=lambda: _child(start.format("fast_engine, kernels; kernels.compile_features()")),
    )


def process_start_without_kernels():
    """What every other job of a patient costs before it computes; the usual imports beside it."""
    start = "import sys; sys.path.insert(0, 'scripts'); import habitat_radiomics.preprocess"
    return Comparison(
        "start of a job that prepares an image",
        "imports of pandas, scikit-learn and pyradiomics too",
        lambda: _child(f"{start}, pandas, sklearn.pipeline, radiomics.featureextractor"),
        lambda: _child(start),
        lambda _, __: "numpy and SimpleITK alone",
        0.05,
    )


def _child(code):
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def shape_of_a_scattered_habitat():
    """Shape of a habitat whose 10,000 voxels nearly all lie on its surface."""
    image, one = _tight("habitat2")
    shape = {"image_types": {}, "shape": True}
    return Comparison(
        "shape of a scattered habitat, 10,000 voxels",
        "pyradiomics",
        lambda: {"habitat2": executed(image, one["habitat2"], shape)},
        lambda: {"habitat2": _values(image, one, shape)},
        _largest_difference,
        0.02,
        warm=compile_features,
    )


def _values(image, masks, bank):
    rows = extract_features(image, masks, banks=dict.fromkeys(masks, bank), settings={}, engine="fast")
    return {feature: value for _, feature, value, _ in rows}


def laplacian_of_three_scales():
    """LoG of 1, 3 and 5 mm in the box of the regions, from the full volume."""
    from habitat_radiomics.recursive_gaussian import laplacian_of_gaussian

    image, masks = scan()
    box = bounding_box(np.logical_or.reduce([sitk.GetArrayViewFromImage(mask) for mask in masks.values()]))
    array = sitk.GetArrayFromImage(image)

    def theirs(sigma):
        calculate = sitk.LaplacianRecursiveGaussianImageFilter()
        calculate.SetNormalizeAcrossScale(True)
        calculate.SetSigma(sigma)
        return sitk.GetArrayFromImage(cropped(calculate.Execute(image), box))

    def unequal(theirs, ours):
        return f"{sum(int((a != b).sum()) for a, b in zip(theirs, ours, strict=True))} voxels differ in the last bit"

    return Comparison(
        "LoG of 1, 3 and 5 mm in the box of the regions",
        "SimpleITK",
        lambda: [theirs(sigma) for sigma in SIGMAS_MM],
        lambda: [laplacian_of_gaussian(array, sigma_mm=s, spacing=(1, 1, 1), box=box) for s in SIGMAS_MM],
        unequal,
        0.5,
        warm=compile_features,
    )


def memory_of_a_large_volume():
    """Ours alone on 512 x 512 x 300 voxels with a region of 500,000: the goal is a peak below 2 GB."""
    random = np.random.default_rng(0)
    array = random.normal(400, 100, LARGE_VOLUME).astype(np.float32)
    z, y, x = np.ogrid[tuple(slice(0, size) for size in LARGE_VOLUME)]
    distance = (z - 150) ** 2 + (y - 256) ** 2 + (x - 256) ** 2
    region = distance < np.partition(distance.ravel(), LARGE_REGION)[LARGE_REGION]
    image, mask = sitk.GetImageFromArray(array), sitk.GetImageFromArray(region.astype(np.uint8))
    del array, distance, region
    return Comparison(
        "512 x 512 x 300 voxels, one region of 500,000 x 1130 features",
        "none",
        None,
        lambda: _values(image, {"tumour": mask}, "A"),
        lambda _, ours: f"{sum(np.isfinite(list(ours.values())))} finite values; in all {peak_mb():.0f} MB",
        math.inf,
        rounds=1,
        goal_mb=2000,
        warm=compile_features,
    )


ROWS = [
    five_regions_in_the_full_volume,
    five_regions_cropped,
    texture_of_30000_voxels,
    texture_of_5000_voxels,
    native_batch_of_30000_voxels,
    native_batch_of_5000_voxels,
    process_start,
    process_start_without_kernels,
    shape_of_a_scattered_habitat,
    laplacian_of_three_scales,
    memory_of_a_large_volume,
]
