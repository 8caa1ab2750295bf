"""One look for all figures: sizes of a journal column, colours that colour-blind readers tell apart, stable files."""

import io
from functools import wraps
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from habitat_radiomics.whole_files import replace_bytes

SINGLE_COLUMN_MM, DOUBLE_COLUMN_MM = 89, 183
# Okabe and Ito 2008, without the yellow that vanishes on white.
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK = "#E69F00", "#56B4E9", "#000000"
GREY, LIGHT_GREY = "#6B6B6B", "#C8C8C8"
MODEL_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
MODEL_LINES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
CLASS_COLOURS = (BLUE, VERMILION)
SIGN_COLOURS = {"higher": VERMILION, "lower": BLUE}
REGION_COLOURS = {"tumour": VERMILION, "peritumour": SKY}
SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "savefig.dpi": 200,
    "svg.hashsalt": "habitat-radiomics",
    "svg.fonttype": "path",
}
NO_METADATA = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
}


def styled(draw):
    """Let a drawing function use the common settings."""

    @wraps(draw)
    def drawn(*arguments, **options):
        with matplotlib.rc_context(SETTINGS):
            return draw(*arguments, **options)

    return drawn


def new_figure(width_mm, height_mm, *, layout="constrained"):
    """Return an empty figure whose parts keep clear of each other, or (``layout`` ``none``) are placed by hand."""
    return Figure(figsize=(width_mm / 25.4, height_mm / 25.4), layout=layout)


def model_styles(models):
    """Return colour and line of every model; the same list gives the same styles in every figure.

    Parameters
    ----------
    models : list of str
        All models of the study in their order.
    """
    colours, lines = len(MODEL_COLOURS), len(MODEL_LINES)
    return {
        name: {"color": MODEL_COLOURS[i % colours], "linestyle": MODEL_LINES[(i + i // (colours * lines)) % lines]}
        for i, name in enumerate(models)
    }


def write_title(figure, text):
    """Put a bold title at the upper left corner of a figure."""
    figure.suptitle(text, x=0.01, ha="left", fontsize=SETTINGS["axes.titlesize"], fontweight="bold")


def write_legend(figure, axes, title, *, handlelength=2.2):
    """Put the legend of some axes at the lower left corner of their figure; what was drawn first comes last."""
    handles, labels = axes.get_legend_handles_labels()
    order = [*range(1, len(handles)), 0]
    figure.legend(
        [handles[k] for k in order],
        [labels[k] for k in order],
        title=title,
        loc="lower left",
        bbox_to_anchor=(0.01, 0.005),
        borderaxespad=0,
        alignment="left",
        handlelength=handlelength,
    )


def write_note(axes, text):
    """Say in words why there is nothing to draw."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY, wrap=True)


@styled
def figure_bytes(figure, suffix):
    """Return a figure as a ``.png`` or ``.svg`` file's bytes; equal figures give equal bytes, at any time and place."""
    # The layout would shift a little with every drawing: it is settled once, for all formats.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix.lstrip("."), metadata=NO_METADATA[suffix])
    return buffer.getvalue()


def save_figure(figure, paths):
    """Write a figure to every path; the ending says how."""
    for path in map(Path, paths):
        replace_bytes(path, figure_bytes(figure, path.suffix))
