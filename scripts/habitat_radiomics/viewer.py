"""A page to scroll through one patient's volumes: NiiVue and the volumes stand in the page, nothing is loaded."""

import base64
import gzip
import json
import struct
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from habitat_radiomics.entry import read_json
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.regions import REGION_LABELS
from habitat_radiomics.review_page import COLOURS

STEPS = 30000  # grey levels in which an image is stored
INT16, UINT8 = 4, 2  # codes of the NIfTI-1 standard


def viewer_page(patient, layers, *, library, templates, study):
    """Return the page as HTML text.

    Parameters
    ----------
    layers : list of dict
        See `patient_layers`.
    library : str
        NiiVue as one script.
    templates : path
        Folder of the template and the style sheets.
    """
    environment = Environment(
        loader=FileSystemLoader(templates), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    style = "\n".join(Path(templates, name).read_text(encoding="utf-8") for name in ("page.css", "review.css"))
    return environment.get_template("review_viewer.html.j2").render(
        patient=patient,
        study=study,
        style=Markup(style),
        library=Markup(library.replace("</script", "<\\/script")),
        script=Markup(Path(templates, "review_viewer.js").read_text(encoding="utf-8")),
        data=Markup(json.dumps(layers).replace("<", "\\u003c")),
    )


def patient_layers(results, patient):
    """Return the volumes of one patient as plain values for the page, images first.

    Parameters
    ----------
    results : path
        Folder of the study, whose review settings say what there is.

    Returns
    -------
    list of dict
        name, kind ("image" or "labels"), group (images and labels of one grid), source (base64 of a NIfTI file),
        colours, and of labels ``centre_mm`` (right, front and up positive).

    Raises
    ------
    StudyFault
        When the study has not been run, has no such patient, or none of the scans can be used.
    """
    results = Path(results)
    settings = _settings(results, patient)
    images = [_image(results, patient, sequence) for sequence in settings["sequences"]]
    layers = [
        *filter(None, images),
        *(layer for sequence in settings["sequences"] for layer in _readings(results, patient, sequence)),
        *filter(None, (_habitats(results, patient, chosen) for chosen in settings["sets"])),
    ]
    if not layers or layers[0]["kind"] != "image":
        raise StudyFault(
            f"Patient {patient}: no scan can be used, so that there is nothing to view. See quality/*.csv."
        )
    return [{**layer, "group": settings["reference"] or layer["group"]} for layer in layers]


def _settings(results, patient):
    path = results / "state/draw_review.json"
    if not path.is_file():
        raise StudyFault(f"{path} does not exist. Run the study first; it needs images.")
    if not (results / "preprocess" / patient).is_dir():
        found = sorted(folder.name for folder in (results / "preprocess").glob("*") if folder.is_dir())
        raise StudyFault(f"Patient {patient} has no images below {results}/preprocess. Found: {', '.join(found[:10])}.")
    return read_json(path)


def _image(results, patient, sequence):
    path = results / "preprocess" / patient / f"{sequence}.corrected.nii.gz"
    if not path.is_file() or not path.stat().st_size:
        return None
    image = sitk.ReadImage(str(path))
    values = sitk.GetArrayFromImage(image).astype(float)
    low, high = float(values.min()), float(np.percentile(values, 99.9))
    step = max(high - low, 1e-9) / STEPS
    steps = np.clip((values - low) / step, 0, STEPS).round().astype(np.int16)
    source = nifti_base64(image, steps, slope=step, intercept=low)
    return {"name": sequence, "kind": "image", "group": sequence, "source": source, "colours": []}


def _readings(results, patient, sequence):
    """Tumour of every reading, each a layer of its own."""
    layers = []
    files = {path.name.removesuffix(".nii.gz"): path for path in (results / "regions" / patient).glob("*.nii.gz")}
    for name in sorted(name for name in files if name.rpartition(".")[0] == sequence and files[name].stat().st_size):
        image = sitk.ReadImage(str(files[name]))
        inside = sitk.GetArrayViewFromImage(image) == REGION_LABELS["tumour"][0]
        colour = COLOURS[len(layers) % len(COLOURS)]
        layers.append(_labels(name.replace(".", ", "), sequence, image, inside, [colour]))
    return layers


def _habitats(results, patient, chosen):
    folder = results / "habitats" / chosen["name"]
    path = folder / patient / "labels.nii.gz"
    if not path.is_file() or not path.stat().st_size:
        return None
    image, colours = sitk.ReadImage(str(path)), read_json(folder / "habitats.json")["colours"]
    return _labels(chosen["label"], chosen["sequence"], image, sitk.GetArrayViewFromImage(image), colours)


def _labels(name, sequence, image, values, colours):
    values = np.asarray(values).astype(np.uint8)
    layer = {
        "name": name,
        "kind": "labels",
        "group": sequence,
        "source": nifti_base64(image, values),
        "colours": colours,
    }
    if values.any():
        centre = np.argwhere(values).mean(axis=0)[::-1]
        layer["centre_mm"] = (np.array([-1, -1, 1]) * image.TransformContinuousIndexToPhysicalPoint(centre)).tolist()
    return layer


def nifti_base64(image, values, *, slope=1.0, intercept=0.0):
    """Return voxels on the grid of an image as a compressed NIfTI-1 file in base64, with the same bytes every time.

    Parameters
    ----------
    image : SimpleITK.Image
        Gives the grid.
    values : ndarray of int16 or uint8, shape (z, y, x)
        What is stored; the values are ``slope * stored + intercept``.
    """
    header = bytearray(352)
    code, bits = (INT16, 16) if values.dtype == np.int16 else (UINT8, 8)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *image.GetSize(), 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, code, bits)
    struct.pack_into("<8f", header, 76, 1.0, *image.GetSpacing(), 1.0, 1.0, 1.0, 1.0)
    struct.pack_into("<3f", header, 108, 352.0, slope, intercept)
    header[123] = 2  # mm
    struct.pack_into("<2h", header, 252, 0, 1)  # the affine of the scanner follows
    struct.pack_into("<12f", header, 280, *_affine(image).ravel())
    header[344:348] = b"n+1\x00"
    voxels = values.astype("<i2" if bits == 16 else "u1").tobytes()
    return base64.b64encode(gzip.compress(bytes(header) + voxels, mtime=0)).decode("ascii")


def _affine(image):
    """Rows of the matrix from voxels to millimetres in NIfTI's axes (right, front and up positive)."""
    direction = np.reshape(image.GetDirection(), (3, 3)) * np.array(image.GetSpacing())
    return np.diag([-1.0, -1.0, 1.0]) @ np.column_stack([direction, image.GetOrigin()])
