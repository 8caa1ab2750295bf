"""Draw how well readers reproduce the features."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_agreement import draw_agreement
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "icc", "figures*")
save_figure(draw_agreement(read_table(a.icc), **read_json(a.settings)), a.figures)
