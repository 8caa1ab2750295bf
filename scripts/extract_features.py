"""Extract the features of every region and reading of one patient's sequence."""

from habitat_radiomics.entry import arguments, read_json, run_step
from habitat_radiomics.extraction import readings_of, scan_measures
from habitat_radiomics.features import features_of_readings, write_features
from habitat_radiomics.habitat_patient import habitat_regions
from habitat_radiomics.images import read_image, single_thread

a = arguments(
    "settings", "image", "upstream", "regions*", "region_records*", "readings*", "habitats*", "habitat_records*",
    "artifacts*", "features", "record",
)  # fmt: skip
settings = read_json(a.settings)


def compute():
    single_thread()
    image, primary = read_image(a.image), a.readings[0]
    regions, warnings = readings_of(a.readings, a.regions, a.region_records, names=list(settings["banks"]))
    habitats, banks, shape = habitat_regions(settings.get("habitats", []), a.habitats, a.artifacts, reading=primary)
    regions[primary] |= habitats
    rows = features_of_readings(image, regions, banks=settings["banks"] | banks, settings=settings["settings"])
    write_features(a.features, [row for row in rows if row.reading == primary or row.region not in habitats] + shape)
    measures = read_json(a.upstream)["measures"]
    return scan_measures(image, regions[primary], measures, warnings, settings=settings["settings"])


run_step(compute, record=a.record, outputs=[a.features], upstream=[a.upstream, a.region_records[0], *a.habitat_records])
