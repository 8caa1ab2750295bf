"""One patient's images for habitats, and the habitats as regions from which features are taken."""

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.entry import read_json
from habitat_radiomics.features import FeatureRow
from habitat_radiomics.habitat_shape import habitat_shape
from habitat_radiomics.habitats import habitat_masks
from habitat_radiomics.images import read_image
from habitat_radiomics.regions import region_mask


def read_patient(sequences, image_files, regions_file):
    """Return the normalised images by sequence, and the mask of the tumour."""
    images = {sequence: read_image(path) for sequence, path in zip(sequences, image_files, strict=True)}
    return images, region_mask(sitk.ReadImage(regions_file), "tumour")


def habitat_voxels(labels, *, k):
    """Voxels of habitat 1 to k (list of int)."""
    return np.bincount(sitk.GetArrayViewFromImage(labels).ravel(), minlength=k + 1)[1:].tolist()


def habitat_regions(sets, label_files, artifact_files, *, reading):
    """Regions of the sets that apply to a sequence, their banks, and the features of their size and neighbourhood.

    Parameters
    ----------
    sets : list of dict
        name, bank, shape (whether size and neighbourhood are listed here), as `settings.features`.
    label_files, artifact_files : list of str
        Label image of the patient and artifact of each set.
    reading : str
        The primary reading, which the labels were made from.

    Returns
    -------
    regions : dict
        ``NAME1`` .. ``NAME<k>`` to mask; None where the patient lacks the habitat.
    banks : dict
        Region to bank.
    rows : list of FeatureRow
    """
    regions, banks, rows = {}, {}, []
    for chosen, label_file, artifact_file in zip(sets, label_files, artifact_files, strict=True):
        labels, k = sitk.ReadImage(label_file), read_json(artifact_file)["k"]
        masks = {_named(region, chosen["name"]): mask for region, mask in habitat_masks(labels, k=k).items()}
        regions |= masks
        banks |= dict.fromkeys(masks, chosen["bank"])
        shape = habitat_shape(labels, k=k) if chosen["shape"] else []
        rows += [FeatureRow(reading, _named(row.region, chosen["name"]), *row[1:]) for row in shape]
    return regions, banks, rows


def _named(region, name):
    return name + region.removeprefix("habitat")
