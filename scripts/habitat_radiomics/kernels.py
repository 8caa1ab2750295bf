"""Compiled kernels are compiled once, before many jobs would do it at the same time.

numba keeps what it compiled beside the source and takes it as valid while the file's time and size stay. A job that
finds nothing compiles for itself, ten seconds and more; so do all jobs that start together with it.
"""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from itertools import chain
from pathlib import Path

from habitat_radiomics.whole_files import replace_text

PACKAGE = Path(__file__).parent
STAMP = "compiled.json"
FEATURE_KERNELS = (
    "first_order",
    "grey_levels",
    "recursive_gaussian",
    "shape_features",
    "texture_features",
    "texture_matrices",
)


def compile_logistic_lasso():
    """`lasso_kernel`, logistic."""
    from habitat_radiomics.lasso import LassoLogistic

    X, event, _ = _patients()
    LassoLogistic(folds=3).fit(X, event)


def compile_cox_lasso():
    """`lasso_kernel`, Cox."""
    from habitat_radiomics.lasso_cox import LassoCox

    X, _, outcome = _patients()
    LassoCox(folds=3).fit(X, outcome)


def compile_univariable_cox():
    """`cox_kernel`."""
    from habitat_radiomics.cox_univariable import univariable_cox

    X, _, outcome = _patients()
    univariable_cox(X, outcome)


def compile_features():
    """Matrices, grey levels and the Laplacian of Gaussian of the fast extraction engine, in space and in slices."""
    import numpy as np
    import SimpleITK as sitk

    from habitat_radiomics.features import extract_features

    values = np.random.default_rng(0).normal(100, 20, (16, 16, 16)).astype(np.float32)
    inside = np.zeros(values.shape, np.uint8)
    inside[4:12, 4:12, 4:12] = 1
    image, masks = sitk.GetImageFromArray(values), {"tumour": sitk.GetImageFromArray(inside)}
    for settings in ({"bin_width": 10}, {"bin_width": 10, "force_2d": True}):
        extract_features(image, masks, banks={"tumour": "A"}, settings=settings, engine="fast")


def compile_voxel_maps():
    """`voxel_kernels`."""
    import numpy as np

    from habitat_radiomics.voxel_maps import voxel_values

    levels = np.random.default_rng(0).integers(1, 5, (5, 5, 5))
    voxel_values(levels.astype(float), levels > 1, levels, features=["firstorder_Mean"])


# What compiles each module of kernels, as steps call it: another type or order of an array would be compiled again.
COMPILERS = {
    "lasso_kernel": (compile_logistic_lasso, compile_cox_lasso),
    "cox_kernel": (compile_univariable_cox,),
    **dict.fromkeys(FEATURE_KERNELS, (compile_features,)),
    "voxel_kernels": (compile_voxel_maps,),
}


def compile_all():
    """Compile every kernel that is not, and note the state of the sources."""
    for compile_kernel in dict.fromkeys(chain.from_iterable(COMPILERS.values())):
        compile_kernel()
    replace_text(_folder() / STAMP, json.dumps(_state(), sort_keys=True) + "\n")


def compile_missing():
    """Compile in a process of its own, unless it was done: once after an installation or an edit."""
    if not are_compiled():
        subprocess.run([sys.executable, PACKAGE.parent / "compile_kernels.py"], check=False)


def are_compiled():
    """Whether `compile_all` has run with these sources and this numba; true also where it could not note it."""
    folder = _folder()
    if not os.access(folder if folder.exists() else folder.parent, os.W_OK):
        return True
    stamp = folder / STAMP
    return stamp.is_file() and json.loads(stamp.read_text(encoding="utf-8")) == _state()


def _folder():
    """Where numba keeps what it compiled."""
    return Path(os.environ.get("NUMBA_CACHE_DIR") or PACKAGE / "__pycache__")


def _state():
    """What numba compares, and its version."""
    facts = {name: (PACKAGE / f"{name}.py").stat() for name in COMPILERS}
    return {"numba": version("numba"), **{name: [fact.st_mtime_ns, fact.st_size] for name, fact in facts.items()}}


def _patients():
    """A table, a class and an outcome of a few simulated patients."""
    import numpy as np
    import pandas as pd

    generator = np.random.default_rng(0)
    event = np.arange(30) % 2
    X = generator.normal(size=(30, 8)) + 0.5 * event[:, None]
    return X, event, pd.DataFrame({"time": np.arange(30) + 1.0, "event": event})
