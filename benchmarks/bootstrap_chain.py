"""CPU minutes of whole-chain bootstraps: 150 patients x 6000 features, selection and fit repeated in every resample.

    python benchmarks/bootstrap_chain.py                                 # both ways to fit the model, ANOVA chain
    python benchmarks/bootstrap_chain.py --chain t_or_u --scores apparent --replicates 100

Chunks run as parallel processes, as the workflow's jobs do. A few replicates are first computed in 1, 2 and 5 chunks:
their tables must be the same bytes.
"""

import argparse
import hashlib
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import numpy as np
import pandas as pd

from habitat_radiomics.model import build_model
from habitat_radiomics.resampling import bootstrap_chunk, chunk_ranges, merge_bootstrap
from habitat_radiomics.signature import build_signature

PATIENTS, FEATURES, FAMILIES, NOISE = 150, 6000, 60, 0.5
LASSO = {"lasso": {"folds": 10, "rule": "min"}}
CHAINS = {
    "anova": [{"complete": {}}, {"zscore": {}}, {"anova": {}}, {"select_k_best": {"k": 679}}, LASSO],  # Li 2023
    "t_or_u": [{"complete": {}}, {"zscore": {}}, {"t_or_u": {}}, {"correlation": {"threshold": 0.85}}, LASSO],
}
RESAMPLING = {"folds": 5, "repeats": 1, "seed": 1}


def radiomics_like_cohort(*, seed=0):
    """Patients x features in correlated families, a third skewed; 5 families follow the outcome."""
    generator = np.random.default_rng(seed)
    patients = [f"P{i:03d}" for i in range(PATIENTS)]
    outcome = pd.Series(np.arange(PATIENTS) % 2, patients, name="outcome")
    family = generator.normal(size=(PATIENTS, FAMILIES))
    family[:, :5] += 0.6 * outcome.to_numpy()[:, None]
    member = np.arange(FEATURES) % FAMILIES
    X = family[:, member] + NOISE * generator.normal(size=(PATIENTS, FEATURES))
    X[:, ::3] = np.exp(X[:, ::3])
    clinical = pd.DataFrame({"age": generator.normal(60, 10, PATIENTS)}, index=patients)
    return pd.DataFrame(X, patients, [f"f{i}" for i in range(FEATURES)]), clinical, outcome


def compute_chunk(replicates, *, chain, scores):
    """Replicates of one chunk and the CPU seconds they took, compilation left out."""
    features, clinical, outcome = radiomics_like_cohort()
    signatures = {"rad_score": (build_signature(CHAINS[chain], seed=1), list(features.columns))}
    model = build_model(signatures=["rad_score"], variables={"age": {"type": "number"}}, estimator="logistic")
    data = {"features": features, "clinical": clinical, "outcome": outcome, "scores": scores, **RESAMPLING}
    bootstrap_chunk(signatures, model, replicates=[0], **data)
    start = time.process_time()
    chunk = bootstrap_chunk(signatures, model, replicates=replicates, **data)
    return chunk, time.process_time() - start


def bootstrap(count, *, chunks, chain, scores):
    """Merged tables of ``count`` replicates and the study, and their CPU seconds over all chunks."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        done = []
        for result in pool.map(partial(compute_chunk, chain=chain, scores=scores), chunk_ranges(count, chunks)):
            done.append(result)
            print(f"  chunk {len(done)} of {chunks}: {result[1]:.0f} CPU seconds", file=sys.stderr, flush=True)
    return merge_bootstrap([chunk for chunk, _ in done]), sum(seconds for _, seconds in done)


def digest(tables):
    """Short hash of the exact bytes of all tables."""
    text = "".join(table.to_csv(index=False, float_format="%.17g") for table in tables)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chain", choices=CHAINS, default="anova")
    parser.add_argument(
        "--scores", nargs="+", choices=("apparent", "cross_fitted"), default=["apparent", "cross_fitted"]
    )
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--chunks", type=int, default=8)
    parser.add_argument("--compared-replicates", type=int, default=9, help="computed in 1, 2 and 5 chunks")
    asked = parser.parse_args()
    for scores in asked.scores:
        chain = {"chain": asked.chain, "scores": scores}
        digests = [digest(bootstrap(asked.compared_replicates, chunks=n, **chain)[0]) for n in (1, 2, 5)]
        print(
            f"{asked.chain}, {scores}: {asked.compared_replicates} replicates in 1, 2, 5 chunks: {digests}", flush=True
        )
        if len(set(digests)) > 1:
            raise SystemExit("the number of chunks changed the results")
        tables, seconds = bootstrap(asked.replicates, chunks=asked.chunks, **chain)
        selected = len(tables[1]) / (asked.replicates + 1)
        print(
            f"{asked.chain}, {scores}: {asked.replicates} replicates, {PATIENTS} patients x {FEATURES} features: "
            f"{seconds / 60:.1f} CPU minutes ({1000 * seconds / (asked.replicates + 1):.0f} ms each), on average "
            f"{selected:.1f} features in the score, {digest(tables)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
