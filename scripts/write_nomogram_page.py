"""Write the page on which a nomogram is read by moving sliders."""

from habitat_radiomics.entry import arguments, read_json, replace_text
from habitat_radiomics.labels import count
from habitat_radiomics.nomogram_page import no_nomogram_page, nomogram_page

a = arguments("settings", "nomogram", "page")
settings, document = read_json(a.settings), read_json(a.nomogram)
title = f"{settings['label']}: risk of {settings['outcome_label']}"
sizes = {name: document.pop(name) for name in ("patients", "events")}
note = (
    f"Fitted on {count(sizes['patients'])} training patients, {count(sizes['events'])} with the event; the report of "
    "the study says how well it does in others."
)
page = nomogram_page(document, title=title, note=note) if document else no_nomogram_page(title, settings["reason"])
replace_text(a.page, page)
