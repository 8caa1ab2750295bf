"""Draw the habitats of one patient on a slice of every sequence of the set."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_habitats import draw_habitats
from habitat_radiomics.habitat_slices import read_slice
from habitat_radiomics.style import save_figure

a = arguments("settings", "patient", "artifact", "images*", "labels", "record", "figures*")
sequences = read_json(a.settings)["sequences"]
slices = {name: read_slice(image, a.labels, a.record) for name, image in zip(sequences, a.images, strict=True)}
names = dict.fromkeys(sequences, read_json(a.artifact)["names"])
save_figure(draw_habitats(slices, patient=a.patient, names=names), a.figures)
