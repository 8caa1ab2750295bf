"""Extract the features of the habitats of one set in one patient's sequence."""

from functools import partial

import SimpleITK as sitk

from habitat_radiomics.cross_check import cross_checked
from habitat_radiomics.entry import arguments, read_json, run_step
from habitat_radiomics.features import extraction_diagnostics, write_features
from habitat_radiomics.habitat_features import habitat_features, habitat_regions
from habitat_radiomics.images import read_image, single_thread

a = arguments("settings", "artifact", "image", "labels", "upstream", "reading", "sample", "scan", "features", "record")
settings = read_json(a.settings)


def compute():
    single_thread()
    image, labels, k = read_image(a.image), sitk.ReadImage(a.labels), read_json(a.artifact)["k"]
    extract = partial(habitat_features, image, labels, **{**settings, "k": k, "reading": a.reading})
    rows, check = cross_checked(
        extract, engine=settings["engine"], again=read_json(a.sample)["cross_check"], scan=a.scan
    )
    write_features(a.features, rows)
    regions = habitat_regions(labels, k=k, name=settings["name"])
    return {**extraction_diagnostics(image, regions, settings=settings["settings"]), "cross_check": check}


run_step(compute, record=a.record, outputs=[a.features], upstream=[a.upstream])
