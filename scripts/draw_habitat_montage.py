"""Draw the habitats of all patients, page by page."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_habitats import draw_montage, montage_pages
from habitat_radiomics.habitat_slices import read_slice
from habitat_radiomics.style import save_figure

a = arguments("settings", "artifact", "images*", "labels*", "records*", "figures*")
settings, names = read_json(a.settings), read_json(a.artifact)["names"]
files = zip(settings["patients"], a.images, a.labels, a.records, strict=True)
tiles = [(patient, read_slice(*paths)) for patient, *paths in files]
on = f", on {settings['sequences'][0]}" if len(settings["sequences"]) > 1 else ""
for page, path in zip(montage_pages(tiles), a.figures, strict=True):
    save_figure(draw_montage(page, names=names, title=settings["title"] + on), [path])
