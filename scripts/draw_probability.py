"""Draw the map of one patient between the plain slices and the subregions."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_nested import draw_probability, read_map
from habitat_radiomics.style import save_figure

a = arguments("settings", "patient", "artifact", "images*", "labels", "shown", "record", "figures*")
sequences, names = read_json(a.settings)["sequences"], read_json(a.artifact)["names"]
maps = {name: read_map(image, a.labels, a.shown, a.record) for name, image in zip(sequences, a.images, strict=True)}
save_figure(draw_probability(maps, patient=a.patient, names=names), a.figures)
