"""Extract the features of every region and reading of one patient's sequence."""

from habitat_radiomics.entry import arguments, read_json, run_step
from habitat_radiomics.extraction import readings_of, scan_measures
from habitat_radiomics.features import features_of_readings, write_features
from habitat_radiomics.images import read_image, single_thread

a = arguments("settings", "image", "upstream", "regions*", "region_records*", "readings*", "features", "record")
settings = read_json(a.settings)


def compute():
    single_thread()
    image = read_image(a.image)
    regions, warnings = readings_of(a.readings, a.regions, a.region_records, names=list(settings["banks"]))
    rows = features_of_readings(image, regions, banks=settings["banks"], settings=settings["settings"])
    write_features(a.features, rows)
    measures = read_json(a.upstream)["measures"]
    return scan_measures(image, regions[a.readings[0]], measures, warnings, settings=settings["settings"])


run_step(compute, record=a.record, outputs=[a.features], upstream=[a.upstream, a.region_records[0]])
