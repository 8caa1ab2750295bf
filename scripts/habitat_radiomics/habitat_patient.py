"""One patient's images and tumour from which habitats are made, and the size of the result."""

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.images import read_image
from habitat_radiomics.regions import region_mask


def read_patient(sequences, image_files, regions_file):
    """Return the normalised images by sequence, and the mask of the tumour."""
    images = {sequence: read_image(path) for sequence, path in zip(sequences, image_files, strict=True)}
    return images, region_mask(sitk.ReadImage(regions_file), "tumour")


def habitat_voxels(labels, *, k):
    """Voxels of habitat 1 to k (list of int)."""
    return np.bincount(sitk.GetArrayViewFromImage(labels).ravel(), minlength=k + 1)[1:].tolist()
