"""Draw the AUCs of all classifiers as a heat map."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_classifiers import draw_classifiers
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "areas", "figures*")
save_figure(draw_classifiers(read_table(a.areas), **read_json(a.settings)), a.figures)
