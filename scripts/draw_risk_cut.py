"""Draw the search for the cut of one model's score on the training patients."""

from habitat_radiomics.entry import arguments
from habitat_radiomics.figures_risk_cut import draw_risk_cut
from habitat_radiomics.risk_cut import fit_cut
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("scores", "figures*")
patients = read_table(a.scores)
searched = patients["time"].to_numpy(), patients["event"].to_numpy() == 1, patients["score"].to_numpy()
cuts = [fit_cut(*searched, method=method) for method in ("maxstat", "xtile")]
save_figure(draw_risk_cut(cuts, patients), a.figures)
