"""Extract the features of every region and reading of one patient's sequence."""

from functools import partial

from habitat_radiomics.cross_check import cross_checked
from habitat_radiomics.entry import arguments, read_json, run_step
from habitat_radiomics.extraction import readings_of, scan_measures
from habitat_radiomics.features import features_of_readings, write_features
from habitat_radiomics.images import read_image, single_thread

a = arguments(
    "settings", "image", "upstream", "regions*", "region_records*", "readings*", "sample", "scan", "features", "record"
)
settings = read_json(a.settings)


def compute():
    single_thread()
    image = read_image(a.image)
    regions, warnings = readings_of(a.readings, a.regions, a.region_records, names=list(settings["banks"]))
    chosen = {"banks": settings["banks"], "settings": settings["settings"]}
    extract = partial(features_of_readings, image, regions, **chosen)
    rows, check = cross_checked(
        extract, engine=settings["engine"], again=read_json(a.sample)["cross_check"], scan=a.scan
    )
    write_features(a.features, rows)
    measures = read_json(a.upstream)["measures"]
    measured = scan_measures(image, regions[a.readings[0]], measures, warnings, settings=settings["settings"])
    return {**measured, "cross_check": check}


run_step(compute, record=a.record, outputs=[a.features], upstream=[a.upstream, a.region_records[0]])
