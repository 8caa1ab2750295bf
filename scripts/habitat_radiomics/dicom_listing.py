"""What a folder of DICOM files holds, as a listing from which the mapping of sequences can be written."""

from collections import defaultdict

from habitat_radiomics.dicom_files import SEGMENTATION, STRUCTURES, is_image, series_of
from habitat_radiomics.dicom_plan import read_drawing
from habitat_radiomics.dicom_segmentations import segment_names
from habitat_radiomics.dicom_structures import region_names
from habitat_radiomics.import_mapping import mapping_example

LARGEST_EXAMPLE = 6  # sequences


def series_listing(found):
    """Return lines: every series description with its counts, every region name, and a mapping to start from.

    Parameters
    ----------
    found : dicom_files.Found
        Files.
    """
    images = [instance for instance in found.instances if is_image(instance)]
    kinds = defaultdict(list)
    for instances in series_of(images).values():
        kinds[instances[0]["SeriesDescription"], instances[0]["Modality"]].append(instances)
    ranked = sorted(kinds, key=lambda kind: (-len(_patients(kinds[kind])), kind))
    lines = [_total(found, images), "", "series description | modality | patients | series | slices"]
    lines += [_line(kind, kinds[kind]) for kind in ranked]
    lines += ["", "regions of structure sets and segmentations | patients", *_region_lines(found)]
    example = mapping_example([name for name, _ in ranked if name][:LARGEST_EXAMPLE])
    return [*lines, "", "Write a mapping like this into a file and name it by MAP=:", "", example]


def _total(found, images):
    patients = len({instance["PatientID"] for instance in found.instances})
    others = f"; {len(found.others)} files are no DICOM" if found.others else ""
    return f"{len(found.instances)} DICOM files of {patients} patients, {len(series_of(images))} image series{others}."


def _patients(series):
    return {instances[0]["PatientID"] for instances in series}


def _line(kind, series):
    slices = [sum(len(instance.frames) for instance in instances) for instances in series]
    span = f"{min(slices)}" if min(slices) == max(slices) else f"{min(slices)} to {max(slices)}"
    return f"{kind[0] or '(none)'} | {kind[1]} | {len(_patients(series))} | {len(series)} | {span}"


def _region_lines(found):
    patients = defaultdict(set)
    for instance in found.instances:
        if instance["Modality"] in (STRUCTURES, SEGMENTATION):
            drawing = read_drawing(instance.path)
            names = (segment_names if instance["Modality"] == SEGMENTATION else region_names)(drawing)
            for name in names.values():
                patients[name].add(instance["PatientID"])
    return [f"{name} | {len(who)}" for name, who in sorted(patients.items())] or ["(none)"]
