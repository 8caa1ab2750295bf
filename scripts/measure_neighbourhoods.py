"""Measure what local features are like in the tumour of one training patient."""

from habitat_radiomics.entry import arguments, read_json, run_step, write_json
from habitat_radiomics.habitat_patient import read_patient
from habitat_radiomics.images import single_thread
from habitat_radiomics.nested_patient import patient_moments

a = arguments("settings", "images*", "records*", "regions", "region_record", "moments", "record")
settings = read_json(a.settings)


def compute():
    single_thread()
    images, mask = read_patient(settings["sequences"], a.images, a.regions)
    write_json(a.moments, patient_moments(images, mask, settings))
    return {}


run_step(compute, record=a.record, outputs=[a.moments], upstream=[*a.records, a.region_record])
