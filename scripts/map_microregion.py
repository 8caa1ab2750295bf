"""Map the aggressiveness inside one tumour and divide it; a training patient by a model that did not see it."""

from habitat_radiomics.entry import arguments, read_json, run_step
from habitat_radiomics.habitat_patient import read_patient
from habitat_radiomics.images import single_thread, write_image
from habitat_radiomics.nested_map import active_subregions, map_image, map_measures, shown_slice
from habitat_radiomics.nested_patient import patient_map

a = arguments(
    "settings", "artifact", "patient", "images*", "records*", "regions", "region_record", "labels", "shown", "map*",
    "record",
)  # fmt: skip
settings, artifact = read_json(a.settings), read_json(a.artifact)


def compute():
    single_thread()
    images, mask = read_patient(settings["sequences"], a.images, a.regions)
    probability, values, model = patient_map(images, mask, artifact, a.patient, settings)
    labels, reason = active_subregions(probability, images, mask, artifact)
    whole = map_image(probability, mask)
    write_image(labels, a.labels)
    write_image(shown_slice(whole, mask), a.shown)
    for path in a.map:
        write_image(whole, path)
    return map_measures(probability, values, labels, reason, model, artifact)


run_step(compute, record=a.record, outputs=[a.labels, a.shown, *a.map], upstream=[*a.records, a.region_record])
