"""Draw the maps of all patients, page by page."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_habitats import montage_pages
from habitat_radiomics.figures_nested import draw_probability_montage, read_map
from habitat_radiomics.style import save_figure

a = arguments("settings", "artifact", "images*", "labels*", "shown*", "records*", "figures*")
settings, k = read_json(a.settings), read_json(a.artifact)["k"]
files = zip(settings["patients"], a.images, a.labels, a.shown, a.records, strict=True)
tiles = [(patient, read_map(*paths)) for patient, *paths in files]
title = f"{settings['title']}: probability maps, on {settings['sequences'][0]}"
for page, path in zip(montage_pages(tiles), a.figures, strict=True):
    save_figure(draw_probability_montage(page, title=title, k=k), [path])
