"""Parts of the report page as plain values: the template knows how to show each kind."""

import base64
import csv
import io
import re
import struct
from pathlib import Path

TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".csv": "text/csv"}
SCREEN_SCALE = 1.25  # letters of a journal column are small on a screen


def paragraph(text):
    """Return running text."""
    return {"kind": "paragraph", "text": text}


def link(text, name, address):
    """Return a sentence that ends in a link to a page beside the report."""
    return {"kind": "link", "text": text, "name": name, "address": address}


def heading(text):
    """Return a heading inside a section."""
    return {"kind": "heading", "text": text}


def bullets(items):
    """Return a list of sentences."""
    return {"kind": "bullets", "items": list(items)}


def formula(name, terms):
    """Return ``name = term + term ...``, broken between terms only."""
    return {"kind": "formula", "name": name, "terms": list(terms)}


def listing(title, text):
    """Return preformatted text behind a title that opens it."""
    return {"kind": "listing", "title": title, "text": text}


def figure(path, *, alt, caption="", file_name=""):
    """Return a figure that lives inside the page.

    Parameters
    ----------
    path : path
        SVG or PNG.
    alt : str
        What the figure shows, for readers who do not see it.
    caption : str
        HTML, see `report.captions`.
    file_name : str
        Name under which a reader saves it; the file's own when empty.
    """
    path = Path(path)
    content = path.read_bytes()
    return {
        "kind": "figure",
        "source": data_uri(content, path.suffix),
        "width": round(SCREEN_SCALE * _width_inch(content, path.suffix) * 96),
        "alt": alt,
        "caption": caption,
        "file_name": file_name or path.name,
    }


def gallery(figures, *, caption, wide=False):
    """Return figures side by side, or wide ones below each other, under one caption; None without any."""
    return {"kind": "gallery", "figures": figures, "caption": caption, "wide": wide} if figures else None


def _width_inch(content, suffix):
    """Width of a figure as `style` wrote it: stated in points in an SVG; a PNG has 200 pixels per inch."""
    if suffix == ".svg":
        return float(re.search(rb'<svg[^>]*\swidth="([0-9.]+)pt"', content).group(1)) / 72
    return struct.unpack(">I", content[16:20])[0] / 200


def table(title, header, rows, *, note="", download=None, folded=False):
    """Return a table.

    Parameters
    ----------
    title : str
    header : list of str
    rows : list
        Each a list of cells: the first one names the row; a cell is text or ``(text, detail)``. A row of one cell
        is a subtitle.
    note : str
        HTML below the table.
    download : (str, bytes), optional
        File name and content of the stored table behind it.
    folded : bool
        Show the title only, until a reader opens it.
    """
    link = (
        None if download is None else {"name": download[0], "source": data_uri(download[1], Path(download[0]).suffix)}
    )
    cells = [[cell if isinstance(cell, tuple) else (cell, "") for cell in row] for row in rows]
    return {
        "kind": "table",
        "title": title,
        "header": header,
        "rows": cells,
        "note": note,
        "download": link,
        "folded": folded,
    }


def stored(path, name=""):
    """Return name and bytes of a stored table, as `table` offers it for download."""
    path = Path(path)
    return (name or path.name, path.read_bytes())


def displayed(name, header, rows):
    """Return name and bytes of a table as the page shows it, for download."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(
        [" ".join(filter(None, cell)) if isinstance(cell, tuple) else cell for cell in row] for row in rows
    )
    return (name, text.getvalue().encode("utf-8"))


def section(identifier, title, blocks):
    """Return a section of the page; None when it has nothing to show."""
    blocks = [block for block in blocks if block]
    return {"id": identifier, "title": title, "blocks": blocks} if blocks else None


def data_uri(content, suffix):
    """Return bytes as an address that holds its own content."""
    return f"data:{TYPES[suffix]};base64,{base64.b64encode(content).decode('ascii')}"
