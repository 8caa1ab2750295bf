"""Draw the AUCs under permuted outcomes with the one of the study."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_permutation import draw_permutation
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "areas", "test", "figures*")
save_figure(draw_permutation(read_table(a.areas), read_table(a.test), **read_json(a.settings)), a.figures)
