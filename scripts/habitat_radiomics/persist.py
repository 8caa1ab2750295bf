"""Store fitted objects without pickle, in bytes that depend on their content only."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import skops.io

from habitat_radiomics.whole_files import replace_bytes

OWN_MODULES = "habitat_radiomics."
TREES = ("sklearn.tree._tree.Tree", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor")
NPY = b"\x93NUMPY"  # first bytes of a stored array
ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def save_object(path, fitted):
    """Write a fitted scikit-learn object as a skops archive; equal objects give equal bytes."""
    replace_bytes(path, canonical(skops.io.dumps(fitted)))


def load_object(path):
    """Read a skops archive; only scikit-learn's and our own types are accepted.

    Raises
    ------
    ValueError
        If the archive names any other type.
    """
    untrusted = skops.io.get_untrusted_types(file=path)
    require_known_types(path, untrusted)
    return skops.io.load(path, trusted=untrusted)


def check_object(name, archive):
    """Stop when the bytes of a skops archive are none, or name types that are not ours; nothing is loaded.

    Raises
    ------
    ValueError
    """
    try:
        untrusted = skops.io.get_untrusted_types(data=archive)
    except (zipfile.BadZipFile, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{name} is no skops archive ({error}). It was not loaded.") from error
    require_known_types(name, untrusted)


def require_known_types(name, untrusted):
    """Stop when types that skops does not trust by itself are not ours either.

    Raises
    ------
    ValueError
    """
    foreign = [kind for kind in untrusted if not kind.startswith(OWN_MODULES) and kind not in TREES]
    if foreign:
        raise ValueError(f"{name} holds types this workflow never writes: {', '.join(foreign)}. It was not loaded.")


def canonical(archive):
    """Renumber the memory addresses that skops uses as names and fix the dates in its archive.

    Parameters
    ----------
    archive : bytes
        As written by ``skops.io.dumps``.
    """
    source = zipfile.ZipFile(io.BytesIO(archive))
    numbers = {}
    schema = _renumbered(json.loads(source.read("schema.json")), numbers)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for number, name in sorted((numbers[name], name) for name in source.namelist() if name != "schema.json"):
            out.writestr(zipfile.ZipInfo(f"{number}{Path(name).suffix}", ZIP_DATE), _without_padding(source.read(name)))
        out.writestr(zipfile.ZipInfo("schema.json", ZIP_DATE), json.dumps(schema, indent=1))
    return target.getvalue()


def _without_padding(stored):
    """Return a stored array with zeros between the fields of its records: in the nodes of trees they hold chance."""
    if not stored.startswith(NPY):
        return stored
    array = np.load(io.BytesIO(stored), allow_pickle=False)
    if not array.dtype.names:
        return stored
    clean, target = np.zeros(array.shape, array.dtype), io.BytesIO()
    for name in array.dtype.names:
        clean[name] = array[name]
    np.save(target, clean, allow_pickle=False)
    return target.getvalue()


def _renumbered(node, numbers):
    """Return the schema with identifiers numbered in order of appearance; what appears again keeps its number."""
    if isinstance(node, list):
        return [_renumbered(item, numbers) for item in node]
    if not isinstance(node, dict):
        return node
    node = dict(node)
    if "__id__" in node:
        address, file = node["__id__"], node.get("file")
        known = address if node.get("__loader__") == "CachedNode" else file  # an array under two names is one file
        if known not in numbers:
            numbers["last"] = numbers.get("last", 0) + 1
        node["__id__"] = numbers[address] = numbers.get(known, numbers["last"])
        if file:
            numbers[file] = node["__id__"]
            node["file"] = f"{node['__id__']}.npy"
    return {key: _renumbered(value, numbers) for key, value in node.items()}
