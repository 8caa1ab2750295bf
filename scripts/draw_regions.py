"""Draw the regions of one patient on a slice of every sequence."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_regions import draw_regions
from habitat_radiomics.slices import read_scan
from habitat_radiomics.style import save_figure

a = arguments("settings", "patient", "images*", "regions*", "records*", "region_records*", "figures*")
settings = read_json(a.settings)
scans = zip(settings["sequences"], a.images, a.regions, a.records, a.region_records, strict=True)
slices = {}
for sequence, image, regions, *records in scans:
    faults = [fault for record in records for fault in read_json(record)["faults"]]
    slices[sequence] = read_scan(image, regions, faults)
save_figure(draw_regions(slices, patient=a.patient, regions=settings["regions"]), a.figures)
