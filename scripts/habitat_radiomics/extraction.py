"""What surrounds an extraction: the regions of every usable reading, and a scan's quality in one flat record."""

import SimpleITK as sitk

from habitat_radiomics.entry import read_json
from habitat_radiomics.features import extraction_diagnostics
from habitat_radiomics.regions import region_mask


def readings_of(readings, label_files, record_files, *, names):
    """Return the regions of every reading that can be used, and a warning for every one that cannot.

    Parameters
    ----------
    readings, label_files, record_files : list of str
        Reading ids with their label images and quality records.
    names : list of str
        Regions to take.

    Returns
    -------
    regions : dict
        Reading to region to SimpleITK mask.
    warnings : list of str
    """
    regions, warnings = {}, []
    for reading, labels, record in zip(readings, label_files, record_files, strict=True):
        faults = read_json(record)["faults"]
        if faults:
            warnings.append(f"reading {reading} was not used: {faults[0]['message']}")
        else:
            image = sitk.ReadImage(labels)
            regions[reading] = {name: region_mask(image, name) for name in names}
    return regions, warnings


def scan_measures(image, regions, measures, warnings, *, settings):
    """Flatten what is known of a scan: signal to noise, tumour size, bias field, bins, warnings."""
    diagnostics = extraction_diagnostics(image, regions, settings=settings)
    tumour = diagnostics["regions"].get("tumour") or next(iter(diagnostics["regions"].values()))
    return {
        "snr": measures["snr"]["snr"],
        "field_ratio": measures["bias"].get("field_ratio"),
        **{name: tumour[name] for name in ("voxels", "volume_mm3", "components", "grey_levels", "bins")},
        "regions": diagnostics["regions"],
        "warnings": [*measures["warnings"], *warnings],
    }
