"""Maps of first-order and GLCM features beside pyradiomics' voxel mode on the same voxels, in one run.

    python benchmarks/voxel_maps.py           # brain1 and a region of 20,000 voxels, radius 1 and 2
    python benchmarks/voxel_maps.py --quick   # 500 voxels of each for pyradiomics

Ours and pyradiomics' take every voxel of the region; with --quick pyradiomics takes 500 of them (its cost for each
falls with their number). Every line is a process of its own, so that its largest memory is its own. One thread each;
the last lines are ours on one and two threads.
"""

import argparse
import os
import resource
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

import numpy as np
import SimpleITK as sitk

BIN_WIDTH = 25.0
BATCH = 1000  # voxels at a time in pyradiomics: all at once would take gigabytes


def region(name):
    """Intensities and mask (z, y, x)."""
    if name == "brain1":
        folder = ROOT / "tests" / "cache" / "pyradiomics"
        image, label = (sitk.ReadImage(str(folder / f"brain1_{part}.nrrd")) for part in ("image", "label"))
        return sitk.GetArrayFromImage(image).astype(float), sitk.GetArrayFromImage(label) == 1
    z, y, x = np.ogrid[-20:21, -20:21, -20:21]
    rough = np.random.default_rng(0).normal(size=(41, 41, 41))
    smooth = sum(np.roll(rough, shift, axis) for axis in range(3) for shift in (-1, 0, 1))
    array = 200 + 100 * smooth / smooth.std()
    apart = z**2 + y**2 + x**2
    return array, apart <= np.partition(apart.ravel(), 20_000)[20_000 - 1]


def chosen_features():
    """First-order and GLCM features that have maps."""
    from habitat_radiomics.local_names import LOCAL_FEATURES

    return [f"{kind}_{name}" for kind in ("firstorder", "glcm") for name in LOCAL_FEATURES[kind]]


def ours(name, radius, threads=1):
    """CPU seconds, wall seconds and values."""
    from habitat_radiomics.reference_engine import grey_levels
    from habitat_radiomics.voxel_maps import voxel_values

    array, mask = region(name)
    levels, _ = grey_levels(array, mask, {"bin_width": BIN_WIDTH, "bin_count": None})
    small = mask & (np.cumsum(mask).reshape(mask.shape) <= 20)
    voxel_values(array, small, levels, features=chosen_features(), radius=radius)  # compiles, or reads what is compiled
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu, wall = time.process_time(), time.perf_counter()
    values = voxel_values(array, mask, levels, features=chosen_features(), radius=radius, threads=threads)
    return time.process_time() - cpu, time.perf_counter() - wall, values, memory(before)


def theirs(name, radius, limit):
    """CPU seconds, wall seconds and values of pyradiomics for the first voxels."""
    import radiomics

    from habitat_radiomics.local_names import LOCAL_FEATURES

    radiomics.setVerbosity(60)
    array, mask = region(name)
    image, label = sitk.GetImageFromArray(array), sitk.GetImageFromArray(mask.astype(np.uint8))
    box, _ = radiomics.imageoperations.checkMask(image, label)
    image, label = radiomics.imageoperations.cropToTumorMask(image, label, box, padDistance=radius)
    kept = sitk.GetArrayFromImage(label) == 1
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    options = {"label": 1, "voxelBased": True, "kernelRadius": radius, "binWidth": BIN_WIDTH, "voxelBatch": BATCH}
    columns, cpu, wall = [], time.process_time(), time.perf_counter()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in ("firstorder", "glcm"):
            calculator = radiomics.getFeatureClasses()[kind](image, label, **options)
            calculator.labelledVoxelCoordinates = calculator.labelledVoxelCoordinates[:, :limit]
            for feature in LOCAL_FEATURES[kind]:
                calculator.enableFeatureByName(feature)
            maps = calculator.execute()
            columns += [sitk.GetArrayFromImage(maps[feature])[kept][:limit] for feature in LOCAL_FEATURES[kind]]
    return time.process_time() - cpu, time.perf_counter() - wall, np.stack(columns, axis=1), memory(before)


def memory(before):
    """Largest memory of this process in MB, and how much of it came since."""
    now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return now / 1024, (now - before) / 1024


def alone(function, *arguments):
    """Run in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def disagreement(mine, reference):
    """Largest difference, relative to the value or to 0.01 where that is smaller; NaN of pyradiomics left out."""
    known = np.isfinite(reference)
    return float((np.abs(mine - reference)[known] / np.maximum(np.abs(reference[known]), 0.01)).max())


def compare(name, radius, limit):
    """Print one line."""
    cpu, _, mine, (peak, _) = alone(ours, name, radius)
    voxels = min(limit, len(mine))
    reference_cpu, _, reference, (reference_peak, _) = alone(theirs, name, radius, voxels)
    ratio = (reference_cpu / voxels) / (cpu / len(mine))
    print(
        f"{name}, {len(mine)} voxels, radius {radius}: ours {cpu:.3f} CPU s ({1e6 * cpu / len(mine):.1f} us a voxel), "
        f"{peak:.0f} MB; pyradiomics {reference_cpu:.1f} CPU s for {voxels} voxels, {reference_peak:.0f} MB; "
        f"ratio {ratio:.0f}; largest relative difference {disagreement(mine[:voxels], reference):.1e}",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="pyradiomics on 500 voxels only")
    most = 500 if parser.parse_args().quick else 10**9
    for chosen in ("brain1", "ball"):
        for reach in (1, 2):
            compare(chosen, reach, most)
    for count in (1, 2):
        print(f"ball, radius 2, {count} thread(s): {alone(ours, 'ball', 2, count)[1]:.3f} s", flush=True)
