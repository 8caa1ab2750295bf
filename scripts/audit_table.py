"""Audit a table typed in from a paper: python scripts/audit_table.py TABLE.csv; status 1 if a number is impossible."""

import argparse
import inspect
import sys

import pandas as pd

from habitat_radiomics.number_audit import audit_published, published_report

parser = argparse.ArgumentParser(
    description=inspect.cleandoc(audit_published.__doc__), formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("table", help="CSV file with the columns above, numbers as printed")
path = parser.parse_args().table
try:
    lines, is_sound = published_report(pd.read_csv(path, dtype=str, keep_default_na=False))
except (OSError, ValueError) as error:
    sys.exit(f"{path}: {error}")
print("\n".join(lines))
sys.exit(0 if is_sound else 1)
