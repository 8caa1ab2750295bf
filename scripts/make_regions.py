"""Put one reading on the patient's grid and make its regions."""

from habitat_radiomics.entry import arguments, read_json, run_step
from habitat_radiomics.images import read_mask, single_thread, write_image
from habitat_radiomics.readings import stated_hash
from habitat_radiomics.regions import check_size, describe_mask, make_regions
from habitat_radiomics.resample import grid_of, resample_mask

a = arguments("settings", "scan", "reading", "mask", "body", "upstream", "regions", "record")
settings, scan = read_json(a.settings), read_json(a.scan)


def compute():
    single_thread()
    drawn = read_mask(a.mask, label=settings["mask_label"], sha256=stated_hash(scan, a.reading))
    body = read_mask(a.body, label=None)
    tumour = resample_mask(drawn, grid_of(body))
    check_size(tumour, minimum_voxels=settings["min_voxels"])
    write_image(make_regions(tumour, margin_mm=settings["margin_mm"], body=body), a.regions)
    return describe_mask(tumour)


run_step(compute, record=a.record, outputs=[a.regions], upstream=[a.upstream])
