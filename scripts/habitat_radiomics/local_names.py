"""Which features of whole tumours have a counterpart in a voxel's neighbourhood, by name alone."""

from fnmatch import fnmatchcase

from habitat_radiomics.banks import feature_names
from habitat_radiomics.feature_names import CLASS_FEATURES

WITHOUT_MAP = {"glcm": ("MCC",)}  # why: see voxel_maps
LOCAL_FEATURES = {
    name: tuple(feature for feature in features if feature not in WITHOUT_MAP.get(name, ()))
    for name, features in CLASS_FEATURES.items()
}
# They grow with the number of voxels (or are bounded by the size of a neighbourhood), which says nothing of a voxel.
SIZE_BOUND = ("*_Energy", "*_TotalEnergy", "*NonUniformity", "*_LargeArea*", "ngtdm_Busyness", "ngtdm_Coarseness",
              "ngtdm_Strength")  # fmt: skip


def local_feature(name):
    """Whether a feature, named as in the feature table (``original_glcm_Contrast``), can be mapped."""
    kind, _, feature = name.partition("_")[2].partition("_")
    return feature in LOCAL_FEATURES.get(kind, ())


def local_names(names, patterns):
    """Return those features that have a local counterpart not bound to size and match a pattern, in their order.

    Parameters
    ----------
    names : list of str
        As ``original_glcm_Contrast``.
    patterns : list of str
        As ``original_glcm_*``.
    """
    return [
        name
        for name in names
        if local_feature(name)
        and not any(fnmatchcase(name.partition("_")[2], bound) for bound in SIZE_BOUND)
        and any(fnmatchcase(name, pattern) for pattern in patterns)
    ]


def bank_names(bank, patterns):
    """Return `local_names` of a bank."""
    return local_names(feature_names(bank), patterns)
