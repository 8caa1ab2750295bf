"""The slice of one patient to show with its habitats, from the files of the workflow."""

import SimpleITK as sitk

from habitat_radiomics.entry import read_json
from habitat_radiomics.figures_habitats import habitat_slice


def read_slice(image, labels, record):
    """Return `figures_habitats.habitat_slice`, or the reason (str) why there is none.

    Parameters
    ----------
    image, labels : path
        Normalised image and label image on one grid; empty files when the scan has faults.
    record : path
        Quality record of the labels.
    """
    faults = read_json(record)["faults"]
    return faults[0]["message"] if faults else habitat_slice(sitk.ReadImage(image), sitk.ReadImage(labels))
