"""The IBSI-1 digital phantom: every feature that pyradiomics defines as the standard does, within its tolerance.

Phantom and consensus values: Image Biomarker Standardisation Initiative (Zwanenburg et al., Radiology 2020;295:328),
phantom CC BY 4.0. Values are given to three significant digits; where the standard states no tolerance, half a unit of
the third digit is allowed.
"""

import csv
import math

import numpy as np
import pytest
import SimpleITK as sitk

from habitat_radiomics.feature_names import CLASS_FEATURES, DEPRECATED_SHAPE_FEATURES, SHAPE_FEATURES
from habitat_radiomics.features import ENGINES, extract_features

PHANTOM = """
14411 14611 41641 44641
14411 11611 11311 44611
14411 11111 11911 11611
14411 11111 11111 11611
"""
MASK = """
11111 11111 11111 11111
11111 11111 01111 11111
11100 11111 11011 11111
11100 11111 11111 11111
"""

# What pyradiomics computes and the standard does not define, and where the two definitions differ.
NOT_IN_IBSI = {
    "shape": {"Maximum2DDiameterColumn", "Maximum2DDiameterRow", "Maximum2DDiameterSlice"},
    "firstorder": {"TotalEnergy"},  # energy times the volume of a voxel
    "glcm": {"MCC"},
}
DIFFERENT = {
    "firstorder_Kurtosis": "pyradiomics does not subtract 3",
    "shape_MajorAxisLength": "pyradiomics divides the covariance of the voxels by n, the standard by n - 1",
    "shape_MinorAxisLength": "as the major axis",
    "shape_LeastAxisLength": "as the major axis",
}

SHAPE = {
    "MeshVolume": ("morph_volume", 556, 4),
    "VoxelVolume": ("morph_vol_approx", 592, 4),
    "SurfaceArea": ("morph_area_mesh", 388, 3),
    "SurfaceVolumeRatio": ("morph_av", 0.698, 0.004),
    "Sphericity": ("morph_sphericity", 0.843, 0.005),
    "Maximum3DDiameter": ("morph_diam", 13.1, 0.1),
    "MajorAxisLength": ("morph_pca_maj_axis", 11.4, 0.1),
    "MinorAxisLength": ("morph_pca_min_axis", 9.31, 0.06),
    "LeastAxisLength": ("morph_pca_least_axis", 8.54, 0.05),
    "Elongation": ("morph_pca_elongation", 0.816, 0.005),
    "Flatness": ("morph_pca_flatness", 0.749, 0.005),
    "Compactness1": ("morph_comp_1", 0.0411, 0.0003),
    "Compactness2": ("morph_comp_2", 0.599, 0.004),
    "SphericalDisproportion": ("morph_sph_dispr", 1.19, 0.01),
}

FIRST_ORDER = {
    "10Percentile": ("stat_p10", 1),
    "90Percentile": ("stat_p90", 4),
    "Energy": ("stat_energy", 567),
    "Entropy": ("ih_entropy", 1.27),
    "InterquartileRange": ("stat_iqr", 3),
    "Kurtosis": ("stat_kurt", -0.355),
    "Maximum": ("stat_max", 6),
    "MeanAbsoluteDeviation": ("stat_mad", 1.55),
    "Mean": ("stat_mean", 2.15),
    "Median": ("stat_median", 1),
    "Minimum": ("stat_min", 1),
    "Range": ("stat_range", 5),
    "RobustMeanAbsoluteDeviation": ("stat_rmad", 1.11),
    "RootMeanSquared": ("stat_rms", 2.77),
    "Skewness": ("stat_skew", 1.08),
    "Uniformity": ("ih_uniformity", 0.512),
    "Variance": ("stat_var", 3.05),
}

# tag stem, then 3-D averaged, 3-D merged, 2.5-D averaged, 2.5-D merged
BY_DIRECTION = {
    "glcm": {
        "Autocorrelation": ("cm_auto_corr", 5.06, 5.19, 5.4, 5.45),
        "ClusterProminence": ("cm_clust_prom", 145, 147, 147, 142),
        "ClusterShade": ("cm_clust_shade", 16.6, 17.4, 16.6, 16.4),
        "ClusterTendency": ("cm_clust_tend", 7.07, 7.41, 7.48, 7.65),
        "Contrast": ("cm_contrast", 5.32, 5.12, 5.39, 5.29),
        "Correlation": ("cm_corr", 0.157, 0.183, 0.178, 0.182),
        "DifferenceAverage": ("cm_diff_avg", 1.43, 1.38, 1.46, 1.44),
        "DifferenceEntropy": ("cm_diff_entr", 1.56, 1.64, 1.61, 1.67),
        "DifferenceVariance": ("cm_diff_var", 3.06, 3.21, 3.11, 3.23),
        "Id": ("cm_inv_diff", 0.677, 0.688, 0.668, 0.673),
        "Idm": ("cm_inv_diff_mom", 0.618, 0.631, 0.606, 0.613),
        "Idmn": ("cm_inv_diff_mom_norm", 0.898, 0.902, 0.897, 0.899),
        "Idn": ("cm_inv_diff_norm", 0.851, 0.856, 0.847, 0.85),
        "Imc1": ("cm_info_corr1", -0.157, -0.0288, -0.124, -0.0334),
        "Imc2": ("cm_info_corr2", 0.52, 0.269, 0.487, 0.291),
        "InverseVariance": ("cm_inv_var", 0.0604, 0.0574, 0.0597, 0.0582),
        "JointAverage": ("cm_joint_avg", 2.14, 2.15, 2.2, 2.2),
        "JointEnergy": ("cm_energy", 0.303, 0.291, 0.286, 0.277),
        "JointEntropy": ("cm_joint_entr", 2.4, 2.57, 2.48, 2.61),
        "MaximumProbability": ("cm_joint_max", 0.503, 0.509, 0.489, 0.492),
        "SumAverage": ("cm_sum_avg", 4.29, 4.3, 4.41, 4.41),
        "SumEntropy": ("cm_sum_entr", 1.92, 2.11, 2.01, 2.14),
        "SumSquares": ("cm_joint_var", 3.1, 3.13, 3.22, 3.24),
    },
    "glrlm": {
        "GrayLevelNonUniformity": ("rlm_glnu", 21.8, 281, 19.5, 77.1),
        "GrayLevelNonUniformityNormalized": ("rlm_glnu_norm", 0.43, 0.43, 0.413, 0.412),
        "GrayLevelVariance": ("rlm_gl_var", 3.46, 3.48, 3.58, 3.59),
        "HighGrayLevelRunEmphasis": ("rlm_hgre", 9.7, 9.64, 10.3, 10.2),
        "LongRunEmphasis": ("rlm_lre", 3.06, 2.76, 3.46, 3.27),
        "LongRunHighGrayLevelEmphasis": ("rlm_lrhge", 17.6, 15.6, 17.9, 17),
        "LongRunLowGrayLevelEmphasis": ("rlm_lrlge", 2.39, 2.16, 2.79, 2.63),
        "LowGrayLevelRunEmphasis": ("rlm_lgre", 0.603, 0.607, 0.58, 0.585),
        "RunEntropy": ("rlm_rl_entr", 2.43, 2.62, 2.52, 2.76),
        "RunLengthNonUniformity": ("rlm_rlnu", 26.9, 328, 22.3, 83.2),
        "RunLengthNonUniformityNormalized": ("rlm_rlnu_norm", 0.513, 0.501, 0.461, 0.445),
        "RunPercentage": ("rlm_r_perc", 0.68, 0.68, 0.632, 0.632),
        "RunVariance": ("rlm_rl_var", 0.574, 0.598, 0.758, 0.767),
        "ShortRunEmphasis": ("rlm_sre", 0.705, 0.729, 0.665, 0.68),
        "ShortRunHighGrayLevelEmphasis": ("rlm_srhge", 8.54, 8.67, 9.03, 9.05),
        "ShortRunLowGrayLevelEmphasis": ("rlm_srlge", 0.352, 0.372, 0.296, 0.312),
    },
}

# tag stem, then 3-D, 2.5-D
DIRECTIONLESS = {
    "glszm": {
        "GrayLevelNonUniformity": ("szm_glnu", 1.4, 5.44),
        "GrayLevelNonUniformityNormalized": ("szm_glnu_norm", 0.28, 0.302),
        "GrayLevelVariance": ("szm_gl_var", 2.64, 3.92),
        "HighGrayLevelZoneEmphasis": ("szm_hgze", 15.6, 16.2),
        "LargeAreaEmphasis": ("szm_lze", 550, 34.2),
        "LargeAreaHighGrayLevelEmphasis": ("szm_lzhge", 1490, 107),
        "LargeAreaLowGrayLevelEmphasis": ("szm_lzlge", 503, 30.6),
        "LowGrayLevelZoneEmphasis": ("szm_lgze", 0.253, 0.368),
        "SizeZoneNonUniformity": ("szm_zsnu", 1, 3.44),
        "SizeZoneNonUniformityNormalized": ("szm_zsnu_norm", 0.2, 0.191),
        "SmallAreaEmphasis": ("szm_sze", 0.255, 0.368),
        "SmallAreaHighGrayLevelEmphasis": ("szm_szhge", 2.76, 9.87),
        "SmallAreaLowGrayLevelEmphasis": ("szm_szlge", 0.0256, 0.0295),
        "ZoneEntropy": ("szm_zs_entr", 2.32, 3.08),
        "ZonePercentage": ("szm_z_perc", 0.0676, 0.243),
        "ZoneVariance": ("szm_zs_var", 331, 17.3),
    },
    "ngtdm": {
        "Busyness": ("ngt_busyness", 6.54, 6.8),
        "Coarseness": ("ngt_coarseness", 0.0296, 0.0285),
        "Complexity": ("ngt_complexity", 13.5, 14.1),
        "Contrast": ("ngt_contrast", 0.584, 0.601),
        "Strength": ("ngt_strength", 0.763, 0.741),
    },
    "gldm": {
        "DependenceEntropy": ("ngl_dc_entr", 4.4, 3.36),
        "DependenceNonUniformity": ("ngl_dcnu", 4.86, 12.4),
        "DependenceNonUniformityNormalized": ("ngl_dcnu_norm", 0.0657, 0.167),
        "DependenceVariance": ("ngl_dc_var", 22.1, 3.27),
        "GrayLevelNonUniformity": ("ngl_glnu", 37.9, 37.9),
        "GrayLevelVariance": ("ngl_gl_var", 3.05, 3.05),
        "HighGrayLevelEmphasis": ("ngl_hgce", 7.66, 7.66),
        "LargeDependenceEmphasis": ("ngl_hde", 109, 18.8),
        "LargeDependenceHighGrayLevelEmphasis": ("ngl_hdhge", 235, 50.8),
        "LargeDependenceLowGrayLevelEmphasis": ("ngl_hdlge", 102, 17.2),
        "LowGrayLevelEmphasis": ("ngl_lgce", 0.693, 0.693),
        "SmallDependenceEmphasis": ("ngl_lde", 0.045, 0.159),
        "SmallDependenceHighGrayLevelEmphasis": ("ngl_ldhge", 0.736, 3.07),
        "SmallDependenceLowGrayLevelEmphasis": ("ngl_ldlge", 0.00963, 0.0477),
    },
}

VOXELS = 74
MODES = {
    "3D_avg": {"force_2d": False, "weighting_norm": None},
    "3D_comb": {"force_2d": False, "weighting_norm": "no_weighting"},
    "2_5D_avg": {"force_2d": True, "weighting_norm": None},
    "2_5D_comb": {"force_2d": True, "weighting_norm": "no_weighting"},
}


def volume(digits):
    """Four slices of four rows of five voxels of 2 mm."""
    array = np.array([[list(map(int, row)) for row in line.split()] for line in digits.strip().splitlines()])
    image = sitk.GetImageFromArray(array.astype(np.float32))
    image.SetSpacing((2, 2, 2))
    return image


def phantom_values(*, engine="reference", **settings):
    """Feature of the phantom to value; its intensities are already grey levels."""
    mask = sitk.Cast(volume(MASK), sitk.sitkUInt8)
    bank = {"image_types": {"Original": {}}, "shape": True, "deprecated_shape": True}
    settings = {"bin_width": 1, **settings}
    rows = extract_features(volume(PHANTOM), {"roi": mask}, banks={"roi": bank}, settings=settings, engine=engine)
    return {feature.removeprefix("original_"): value for _, feature, value, _ in rows}


def tolerance(reference):
    """Half a unit of the third significant digit."""
    return 0.5 * 10.0 ** (math.floor(math.log10(abs(reference))) - 2)


def missed(values, expected):
    """Features further from their (reference, tolerance) than allowed, with both numbers."""
    return {
        feature: (values[feature], reference)
        for feature, (reference, allowed) in expected.items()
        if not abs(values[feature] - reference) <= allowed * (1 + 1e-9)
    }


def in_ibsi_terms(values):
    """Undo the differences of definition listed in DIFFERENT."""
    axes = ("shape_MajorAxisLength", "shape_MinorAxisLength", "shape_LeastAxisLength")
    return {
        **values,
        "firstorder_Kurtosis": values["firstorder_Kurtosis"] - 3,
        **{axis: values[axis] * math.sqrt(VOXELS / (VOXELS - 1)) for axis in axes},
    }


def expected_texture(mode):
    """Class_feature to (reference, tolerance) in one mode of aggregation."""
    column = 1 + list(MODES).index(mode)
    values = {f"{c}_{f}": row[column] for c, table in BY_DIRECTION.items() for f, row in table.items()}
    column = 1 if mode.startswith("3D") else 2
    values |= {f"{c}_{f}": row[column] for c, table in DIRECTIONLESS.items() for f, row in table.items()}
    return {feature: (reference, tolerance(reference)) for feature, reference in values.items()}


def expected_shape():
    return {f"shape_{feature}": row[1:] for feature, row in SHAPE.items()}


def expected_first_order():
    return {f"firstorder_{feature}": (row[1], tolerance(row[1])) for feature, row in FIRST_ORDER.items()}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mode", MODES)
def test_textures_of_the_phantom_meet_the_consensus_in_every_mode_of_aggregation(mode, engine):
    assert missed(phantom_values(engine=engine, **MODES[mode]), expected_texture(mode)) == {}


@pytest.mark.parametrize("engine", ENGINES)
def test_shape_and_first_order_meet_the_consensus_once_the_listed_differences_are_undone(engine):
    values = in_ibsi_terms(phantom_values(engine=engine))
    assert missed(values, expected_shape() | expected_first_order()) == {}


def test_only_the_listed_features_need_a_correction():
    expected = expected_shape() | expected_first_order() | expected_texture("3D_avg")
    # the major axis is 0.7 % short too, which its wide tolerance hides
    assert set(missed(phantom_values(), expected)) == set(DIFFERENT) - {"shape_MajorAxisLength"}


def test_every_feature_is_either_compared_or_listed_as_absent_from_the_standard():
    compared = {"shape": SHAPE, "firstorder": FIRST_ORDER, **BY_DIRECTION, **DIRECTIONLESS}
    ours = {**CLASS_FEATURES, "shape": (*SHAPE_FEATURES, *DEPRECATED_SHAPE_FEATURES)}
    for name, features in ours.items():
        assert set(features) - set(compared[name]) == NOT_IN_IBSI.get(name, set()), name


def test_the_embedded_phantom_and_values_are_those_of_the_standard(shared_data):
    folder = shared_data / "ibsi1"
    for digits, file in ((PHANTOM, "image/phantom.nii.gz"), (MASK, "mask/mask.nii.gz")):
        original = sitk.ReadImage(str(folder / "digital_phantom" / file))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(volume(digits)), sitk.GetArrayFromImage(original))
        assert original.GetSpacing() == (2, 2, 2)
    with (folder / "reference_values" / "ibsi_1_dig_phantom.csv").open() as handle:
        published = {row["tag"]: row["reference value"] for row in csv.DictReader(handle, delimiter=";")}
    embedded = {row[0]: row[1] for row in (*SHAPE.values(), *FIRST_ORDER.values())}
    for tables, suffixes in ((BY_DIRECTION, MODES), (DIRECTIONLESS, ("3D", "2_5D"))):
        for table in tables.values():
            embedded |= {f"{row[0]}_{s}": v for row in table.values() for s, v in zip(suffixes, row[1:], strict=True)}
    assert len(embedded) == 257
    assert {tag: float(published[tag]) for tag in embedded} == embedded
