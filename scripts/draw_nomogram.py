"""Draw the nomogram of a model."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_nomogram import draw_no_nomogram, draw_nomogram
from habitat_radiomics.labels import count
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "nomogram", "ticks", "figures*")
words, document, ticks = read_json(a.settings), read_json(a.nomogram), read_table(a.ticks)
note = f"Model {words['label']}, training cohort, n = {count(document['patients'])}, {count(document['events'])} events"
save_figure(draw_nomogram(ticks, note=note) if len(ticks) else draw_no_nomogram(words["reason"]), a.figures)
