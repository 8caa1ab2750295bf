"""Register, correct, resample and crop one sequence of one patient."""

from habitat_radiomics.entry import arguments, read_json, run_step
from habitat_radiomics.images import read_image, single_thread, write_image
from habitat_radiomics.preprocess import preprocess_image
from habitat_radiomics.readings import read_readings

a = arguments("settings", "scan", "mask_scan", "image", "reference", "masks*", "out_image", "out_body", "record")
settings, scan, mask_scan = read_json(a.settings), read_json(a.scan), read_json(a.mask_scan)


def compute():
    single_thread()
    on_grid, body, record = preprocess_image(  # named nowhere, so that the step can give them up
        read_image(a.image, sha256=scan["image"]),
        read_readings(a.masks, mask_scan["masks"], label=settings["mask_label"]),
        settings,
        reference=None if a.reference == a.image else read_image(a.reference, sha256=mask_scan["image"]),
    )
    write_image(on_grid, a.out_image)
    write_image(body, a.out_body)
    return record


run_step(compute, record=a.record, outputs=[a.out_image, a.out_body])
