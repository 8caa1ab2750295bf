"""Cost of learning habitats, beside the usual libraries on the same points.

    python benchmarks/habitat_fits.py            # ours only, about ten CPU seconds
    python benchmarks/habitat_fits.py --others   # scikit-learn on the same points too, some CPU minutes

BIC curve: k = 1..8 on 150,000 voxels of one sequence and of two; the exact criterion is that of mixtures fitted to raw
voxels. k-means: k = 3 on 4.5 million pooled voxels of two sequences. Every line is a process of its own, so that its
largest memory is its own.
"""

import argparse
import os
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import numpy as np

VOXELS, POOLED, KS = 150_000, 4_500_000, range(1, 9)
AS_THEY_ARE = {"method": "none"}


def three_tissues(count, sequences, *, seed=0):
    """Voxels (count, sequences) of three tissues that overlap."""
    random = np.random.default_rng(seed)
    tissue = random.integers(0, 3, count)
    middle, sd = np.array([-200.0, 0.0, 230.0])[tissue], np.array([60.0, 40.0, 80.0])[tissue]
    return np.stack([middle + sd * random.standard_normal(count) for _ in range(sequences)], axis=1)


def our_curve(sequences):
    """BIC of every k, ours."""
    from habitat_radiomics.habitat_count import count_curve

    samples = {"P1": three_tissues(VOXELS, sequences)}
    count_curve({"P1": samples["P1"][:500]}, AS_THEY_ARE)
    start = time.process_time()
    curve = count_curve(samples, AS_THEY_ARE)
    return time.process_time() - start, curve.set_index("k")["value"].to_dict()


def exact_curve(sequences):
    """BIC of every k, by scikit-learn on every voxel (tolerance 1e-5, one start by k-means)."""
    from sklearn.mixture import GaussianMixture

    points = three_tissues(VOXELS, sequences)
    start = time.process_time()
    fits = {k: GaussianMixture(k, tol=1e-5, max_iter=300, random_state=0).fit(points) for k in KS}
    return time.process_time() - start, {k: float(fit.bic(points)) for k, fit in fits.items()}


def our_kmeans(_):
    """Inertia of three clusters, ours (20 starts)."""
    from habitat_radiomics.habitat_kmeans import kmeans

    points = np.ascontiguousarray(three_tissues(POOLED, 2).T)
    weights = np.ones(POOLED)
    start = time.process_time()
    found = kmeans(points, weights, k=3)
    return time.process_time() - start, found.inertia


def their_kmeans(_):
    """Inertia of three clusters, scikit-learn (one start)."""
    from sklearn.cluster import KMeans

    points = three_tissues(POOLED, 2)
    start = time.process_time()
    found = KMeans(3, n_init=1, random_state=0).fit(points)
    return time.process_time() - start, float(found.inertia_)


def alone(function, argument):
    """Result of a function in a process of its own, and that process's largest memory in MB."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return (*pool.submit(function, argument).result(), pool.submit(largest_memory_mb).result())


def largest_memory_mb():
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report_curves(sequences, others):
    """One line per way to the BIC curve, and how far the criteria differ."""
    cpu_s, ours, memory_mb = alone(our_curve, sequences)
    best = min(ours, key=ours.get)
    print(f"BIC curve, {VOXELS:,} voxels, {sequences} sequence(s): {cpu_s:.2f} CPU s, {memory_mb:.0f} MB, k = {best}")
    if others:
        exact_s, exact, memory_mb = alone(exact_curve, sequences)
        chosen = min(exact, key=exact.get)
        print(
            f"  exact (scikit-learn): {exact_s:.1f} CPU s ({exact_s / cpu_s:.0f} x), {memory_mb:.0f} MB, k = {chosen}"
        )
        gaps = ", ".join(f"{k}: {ours[k] - exact[k]:+.1f}" for k in KS)
        print(f"  BIC ours - exact, of {exact[chosen]:,.0f} (negative: ours fits better): {gaps}")


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--others", action="store_true", help="measure scikit-learn too")
    others = parser.parse_args().others
    for sequences in (1, 2):
        report_curves(sequences, others)
    cpu_s, inertia, memory_mb = alone(our_kmeans, None)
    print(f"k-means, k = 3, {POOLED:,} voxels of 2 sequences: {cpu_s:.2f} CPU s, {memory_mb:.0f} MB")
    if others:
        their_s, their_inertia, memory_mb = alone(their_kmeans, None)
        worse = their_inertia / inertia
        print(f"  scikit-learn, one start: {their_s:.2f} CPU s, {memory_mb:.0f} MB; its inertia {worse:.9f} x ours")


if __name__ == "__main__":
    main()
