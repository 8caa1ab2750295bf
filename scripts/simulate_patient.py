"""Simulate the images, masks and true subregions of one patient."""

from pathlib import Path

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.images import write_image
from habitat_radiomics.simulate_images import simulate_patient

a = arguments("settings", "patient", "folder")
for name, image in simulate_patient(read_json(a.settings), a.patient).items():
    write_image(image, Path(a.folder, name))
