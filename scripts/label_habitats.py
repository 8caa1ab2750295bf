"""Label the habitats of one patient."""

from habitat_radiomics.entry import arguments, read_json, run_step
from habitat_radiomics.habitat_patient import habitat_voxels, read_patient
from habitat_radiomics.habitats import label_habitats
from habitat_radiomics.images import single_thread, write_image

a = arguments("artifact", "images*", "records*", "regions", "region_record", "labels", "record")


def compute():
    single_thread()
    artifact = read_json(a.artifact)
    images, mask = read_patient(artifact["sequences"], a.images, a.regions)
    labels = label_habitats(images, mask, artifact)
    write_image(labels, a.labels)
    return {"voxels": habitat_voxels(labels, k=artifact["k"])}


run_step(compute, record=a.record, outputs=[a.labels], upstream=[*a.records, a.region_record])
