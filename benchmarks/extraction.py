"""Cost of extracting features, pyradiomics as used and ours in turn on the same images.

    python benchmarks/extraction.py                 # about five CPU minutes, nearly all of them pyradiomics'
    python benchmarks/extraction.py texture shape   # pairs whose names contain one of these words

A tumour of 30,000 voxels of 1 mm with three habitats mixed like salt and pepper and a shell of 10 mm, in a volume of
3.7 million voxels; 1130 features of each region (original, wavelets, LoG of 1, 3 and 5 mm). CPU seconds are medians of
three rounds in one process; memory is the peak above what was in use before.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import numpy as np
import radiomics
import SimpleITK as sitk
from radiomics.featureextractor import RadiomicsFeatureExtractor
from scipy.ndimage import distance_transform_edt, gaussian_filter

from habitat_radiomics.banks import bank_of, shape_feature_names
from habitat_radiomics.boxes import bounding_box, cropped
from habitat_radiomics.cross_check import difference
from habitat_radiomics.features import extract_features

VOLUME, VOXELS, SHELL_MM, PAD = (100, 192, 192), 30_000, 10, 25
LARGE_VOLUME, LARGE_REGION = (300, 512, 512), 500_000
SIGMAS_MM = (1.0, 3.0, 5.0)
TEXTURES = {"image_types": {"Original": {}}, "classes": ["glcm", "glrlm", "glszm", "gldm", "ngtdm"], "shape": False}


class Pair(NamedTuple):
    """Theirs and ours: functions without arguments, and one that says how far their results differ."""

    step: str
    library: str
    theirs: Callable | None
    ours: Callable
    differ: Callable
    goal_s: float
    goal_ratio: float = 0.0


@cache
def scan(volume=VOLUME, voxels=VOXELS):
    """Image of correlated noise, and its regions: tumour, shell, and three habitats without connected parts."""
    random, grid = np.random.default_rng(0), np.indices(volume, dtype=np.float32)
    distance = np.sqrt(sum((axis - size / 2) ** 2 for axis, size in zip(grid, volume, strict=True)))
    distance += 20 * _smooth(random, volume, 6)
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

    return Pair(step, "pyradiomics", theirs, ours, _largest_difference, goal_s, goal_ratio)


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


def texture_of_one_image():
    """Five texture classes of one image of 30,000 voxels; the goal is 150 ns a voxel."""
    image, masks = cropped_scan()
    one = {"tumour": masks["tumour"]}
    return Pair(
        "textures of one image, 30,000 voxels",
        "pyradiomics",
        lambda: {"tumour": executed(image, one["tumour"], TEXTURES)},
        lambda: {"tumour": _values(image, one, TEXTURES)},
        _largest_difference,
        150e-9 * VOXELS,
    )


def shape_of_a_scattered_habitat():
    """Shape of a habitat whose 10,000 voxels nearly all lie on its surface."""
    image, masks = cropped_scan()
    one, shape = {"habitat": masks["habitat2"]}, {"image_types": {}, "shape": True}
    return Pair(
        "shape of a scattered habitat, 10,000 voxels",
        "pyradiomics",
        lambda: {"habitat": executed(image, one["habitat"], shape)},
        lambda: {"habitat": _values(image, one, shape)},
        _largest_difference,
        0.02,
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

    return Pair(
        "LoG of 1, 3 and 5 mm in the box of the regions",
        "SimpleITK",
        lambda: [theirs(sigma) for sigma in SIGMAS_MM],
        lambda: [laplacian_of_gaussian(array, sigma_mm=s, spacing=(1, 1, 1), box=box) for s in SIGMAS_MM],
        unequal,
        0.5,
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
    return Pair(
        "512 x 512 x 300 voxels, one region of 500,000 x 1130 features",
        "",
        None,
        lambda: _values(image, {"tumour": mask}, "A"),
        lambda _, ours: f"{sum(np.isfinite(list(ours.values())))} finite values; in all {peak_mb():.0f} MB",
        60,
    )


PAIRS = (
    five_regions_in_the_full_volume,
    five_regions_cropped,
    texture_of_one_image,
    shape_of_a_scattered_habitat,
    laplacian_of_three_scales,
    memory_of_a_large_volume,
)


# measuring


def measured(pair, rounds=3):
    """Median CPU seconds and peak MB of theirs and ours in turn, and how far the results of the last round differ."""
    seconds, peaks, results = {"theirs": [], "ours": []}, {"theirs": [], "ours": []}, {"theirs": None}
    for _ in range(rounds):
        for side in ("theirs", "ours") if pair.theirs else ("ours",):
            before = forgotten_peak_mb()
            start = time.process_time()
            results[side] = getattr(pair, side)()
            seconds[side].append(time.process_time() - start)
            peaks[side].append(peak_mb() - before)
    medians = {
        name: {side: statistics.median(values) if values else float("nan") for side, values in of.items()}
        for name, of in (("seconds", seconds), ("peaks", peaks))
    }
    return medians["seconds"], medians["peaks"], pair.differ(results["theirs"], results["ours"])


def forgotten_peak_mb():
    """Let the kernel count the peak of memory anew (Linux); returns what is in use now."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_mb()


def peak_mb():
    """Largest resident memory since it was last forgotten."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def main(words):
    """Print one line for every pair whose name contains one of the words."""
    radiomics.setVerbosity(60)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    image, masks = cropped_scan()
    _values(image, {"shell": masks["habitat1"]}, "A")  # compile, or load what is compiled
    print("| step | library | CPU s | ours | times as fast | goal | peak MB | ours | difference |")
    print("|---|---|---|---|---|---|---|---|---|")
    for make in PAIRS:
        if not words or any(word in make.__name__ for word in words):
            pair = make()
            seconds, peaks, differs = measured(pair)
            goal = f"{pair.goal_s:.3g} s" + (f", {pair.goal_ratio:g} times" if pair.goal_ratio else "")
            cells = [pair.step, pair.library, f"{seconds['theirs']:.3g}", f"{seconds['ours']:.3g}"]
            cells += [f"{seconds['theirs'] / seconds['ours']:.3g}", goal]
            cells += [f"{peaks['theirs']:.0f}", f"{peaks['ours']:.0f}", differs]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
