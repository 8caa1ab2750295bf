"""Turn a fitted model into a nomogram: the document that is the model, the ticks to draw and a table of points."""

import pandas as pd

from habitat_radiomics.entry import arguments, read_json, write_json
from habitat_radiomics.model_inputs import model_inputs
from habitat_radiomics.model_nomogram import model_nomogram
from habitat_radiomics.nomogram import TICK_COLUMNS, nomogram_document, points_table, tick_table
from habitat_radiomics.outcome import events
from habitat_radiomics.persist import load_object
from habitat_radiomics.tables import write_table

a = arguments("settings", "model", "outcome", "clinical", "quality*", "scores*", "nomogram", "points", "ticks")
settings = read_json(a.settings)
training, outcome = model_inputs(settings, a.clinical, a.outcome, a.quality, a.scores)
words = {name: settings[name] for name in ("labels", "outcome_label", "unit") if name in settings}
nomogram = model_nomogram(load_object(a.model), training, settings["variables"], **words)
sizes = {"patients": len(outcome), "events": events(outcome)}
if nomogram is None:
    write_json(a.nomogram, sizes)
    write_table(a.points, pd.DataFrame(columns=["predictor", "label", "value", "points"]))
    write_table(a.ticks, pd.DataFrame(columns=TICK_COLUMNS))
else:
    write_json(a.nomogram, {**nomogram_document(nomogram), **sizes})
    write_table(a.points, points_table(nomogram))
    write_table(a.ticks, tick_table(nomogram))
