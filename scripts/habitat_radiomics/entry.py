"""What every entry script does: read its arguments, read JSON, run a per-patient step under its quality record."""

import argparse
import atexit
import json
import resource
import sys
from pathlib import Path

from habitat_radiomics.faults import DataFault
from habitat_radiomics.whole_files import replace_text


def arguments(*names):
    """Parse ``--name value`` for every name; a name that ends in ``*`` takes any number of values.

    A script run by itself ends its log with what it cost: Snakemake's ``benchmark:`` costs the main process more than
    many of these jobs cost, because it looks at every process of the machine twice a second.

    Returns
    -------
    argparse.Namespace
        Attribute names with underscores.
    """
    parser = argparse.ArgumentParser()
    for name in names:
        option = f"--{name.rstrip('*').replace('_', '-')}"
        if name.endswith("*"):
            parser.add_argument(option, nargs="*", default=[])
        else:
            parser.add_argument(option, required=True)
    if Path(sys.argv[0]).is_file():
        atexit.register(print_cost)
    return parser.parse_args()


def print_cost():
    """Print CPU seconds and peak memory of this process, as `cost.read_cost` reads them."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = sum(part.ru_utime + part.ru_stime for part in used)
    print(f"cost: {seconds:.2f} CPU s, {max(part.ru_maxrss for part in used) / 1024:.0f} MB", flush=True)


def read_json(path):
    """Return the content of a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_json(path, value):
    """Write JSON with sorted keys, whole or not at all; NaN becomes null."""
    text = json.dumps(_plain(value), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    replace_text(path, text + "\n")


def run_step(compute, *, record, outputs, upstream=()):
    """Run one step of one patient and write its quality record; unusable content never becomes a number.

    Parameters
    ----------
    compute : callable
        Writes ``outputs`` and returns a dict of what it measured; raises DataFault when the content cannot be used.
    record : str
        JSON file with ``faults`` (list of code and message; those of earlier steps are handed on) and ``measures``.
    outputs : list of str
        Files that are left empty when there is a fault.
    upstream : iterable of str
        Records of the steps this one builds on.
    """
    faults = [fault for path in upstream for fault in read_json(path)["faults"]]
    measures = {}
    if not faults:
        try:
            measures = compute()
        except DataFault as fault:
            faults = [{"code": fault.code, "message": str(fault)}]
    if faults:
        for path in outputs:
            replace_text(path, "")
    write_json(record, {"faults": faults, "measures": measures})


def _plain(value):
    """Plain JSON types; NaN and infinity become None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value
