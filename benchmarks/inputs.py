"""Volumes for the benchmarks: pyradiomics' brain1 and brain2 where they are, otherwise simulated patients."""

import os

import SimpleITK as sitk
from harness import ROOT

from habitat_radiomics.simulate_images import simulate_patient

SIMULATED = {"brain1": "P001", "brain2": "P002"}


def head(name, *, size=None):
    """Image of whole numbers (float32), interpolated to another size where one is asked for."""
    files = (folder / f"{name}_image.nrrd" for folder in real_folders())
    file = next((file for file in files if file.is_file()), None)
    image = sitk.ReadImage(str(file)) if file else simulate_patient({"seed": 537}, SIMULATED[name])["T1.nii.gz"]
    image = sitk.Cast(image, sitk.sitkFloat32)
    return image if size is None else sitk.Round(resized(image, size))


def real_folders():
    """Where pyradiomics' test images may be: unpacked from its source archive, or beside the checkout."""
    shared = os.environ.get("HABITAT_DATA", ROOT.parent / "shared" / "data")
    return ROOT / "tests/cache/pyradiomics", ROOT.joinpath(shared) / "pyradiomics_baseline"


def source(name):
    """Name of the volume that `head` returns."""
    found = any((folder / f"{name}_image.nrrd").is_file() for folder in real_folders())
    return name if found else f"simulated {SIMULATED[name]}"


def resized(image, size):
    """The same field of view in another number of voxels."""
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(size)
    extent = [n * mm for n, mm in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    resampler.SetOutputSpacing([mm / n for mm, n in zip(extent, size, strict=True)])
    resampler.SetOutputOrigin(image.GetOrigin())
    resampler.SetOutputDirection(image.GetDirection())
    resampler.SetUseNearestNeighborExtrapolator(True)
    return resampler.Execute(image)
