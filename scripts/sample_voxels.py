"""Sample the tumour voxels of one patient for a set of habitats."""

import numpy as np

from habitat_radiomics.entry import arguments, read_json, run_step
from habitat_radiomics.habitat_inputs import resels
from habitat_radiomics.habitat_patient import read_patient
from habitat_radiomics.habitats import voxel_sample
from habitat_radiomics.images import single_thread
from habitat_radiomics.whole_files import whole_file

a = arguments("settings", "images*", "records*", "regions", "region_record", "sample", "record")
settings = read_json(a.settings)


def compute():
    single_thread()
    images, mask = read_patient(settings["sequences"], a.images, a.regions)
    sample = voxel_sample(images, mask, **{name: settings[name] for name in ("limit", "seed", "inputs")})
    with whole_file(a.sample) as unfinished:
        np.save(unfinished, sample)
    return {"voxels": len(sample), "resels": float(np.mean([resels(image, mask) for image in images.values()]))}


run_step(compute, record=a.record, outputs=[a.sample], upstream=[*a.records, a.region_record])
