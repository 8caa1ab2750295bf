"""Extract the vector of a pretrained network from the box around one patient's tumour, by every reading."""

from habitat_radiomics.deep_network import deep_features, read_network
from habitat_radiomics.entry import arguments, read_json, run_step
from habitat_radiomics.extraction import readings_of
from habitat_radiomics.features import write_features
from habitat_radiomics.images import read_image, single_thread

inputs = ("settings", "network", "description", "image", "upstream", "regions*", "region_records*", "readings*")
a = arguments(*inputs, "features", "record")


def compute():
    single_thread()
    image = read_image(a.image)
    regions, warnings = readings_of(a.readings, a.regions, a.region_records, names=["tumour"])
    tumours = {reading: masks["tumour"] for reading, masks in regions.items()}
    rows = deep_features(image, tumours, read_network(a.network, a.description), **read_json(a.settings))
    write_features(a.features, rows)
    return {"values": len(rows), "warnings": warnings}


run_step(compute, record=a.record, outputs=[a.features], upstream=[a.upstream, a.region_records[0]])
