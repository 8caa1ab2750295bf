"""Store fitted objects without pickle, in bytes that depend on their content only."""

import io
import json
import os
import zipfile
from pathlib import Path

import skops.io

OWN_MODULES = "habitat_radiomics."
ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def save_object(path, fitted):
    """Write a fitted scikit-learn object as a skops archive; equal objects give equal bytes."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(canonical(skops.io.dumps(fitted)))
    temporary.replace(path)


def load_object(path):
    """Read a skops archive; only scikit-learn's and our own types are accepted.

    Raises
    ------
    ValueError
        If the archive names any other type.
    """
    untrusted = skops.io.get_untrusted_types(file=path)
    foreign = [name for name in untrusted if not name.startswith(OWN_MODULES)]
    if foreign:
        raise ValueError(f"{path} holds types this workflow never writes: {', '.join(foreign)}. It was not loaded.")
    return skops.io.load(path, trusted=untrusted)


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
            out.writestr(zipfile.ZipInfo(f"{number}{Path(name).suffix}", ZIP_DATE), source.read(name))
        out.writestr(zipfile.ZipInfo("schema.json", ZIP_DATE), json.dumps(schema, indent=1))
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
