"""Draw the patients by batch before and after the ComBat of one signature, and how much the batches explain."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_harmonise import draw_harmonisation
from habitat_radiomics.harmonisation import WHEN, drawn_components
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "tests", "components", "figures*")
tests, components = read_table(a.tests), read_table(a.components)
placed = {when: drawn_components(components, when) for when in WHEN}
of_when = {when: tests[tests["when"] == when] for when in WHEN}
batch = components[components["when"] == "before"].set_index("patient")["batch"].astype(str)
save_figure(draw_harmonisation(placed, of_when, batch, **read_json(a.settings)), a.figures)
