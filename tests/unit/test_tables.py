import numpy as np
import pandas as pd
import pytest

from habitat_radiomics import tables
from habitat_radiomics.tables import chosen_columns, read_by_patient, read_table, write_table


@pytest.fixture
def mixed():
    """Text, numbers with a gap, whole numbers, and names of which one begins like another."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(5, 7)), columns=["T1|t|a", "T1|t|a.b", "b", "c", "d", "e", "f"])
    table.loc[2, "c"] = np.nan
    table.insert(0, "patient", [f"00{number}" for number in range(5)])
    table.insert(4, "voxels", np.arange(5))
    table["usable"] = [True, False, True, True, False]
    return table


@pytest.mark.parametrize("at_once", [1, 3, 500])
def test_a_parquet_table_comes_back_as_it_was_written_however_many_columns_are_read_at_a_time(
    mixed, tmp_path, monkeypatch, at_once
):
    monkeypatch.setattr(tables, "COLUMNS_AT_ONCE", at_once)
    write_table(tmp_path / "table.parquet", mixed)
    pd.testing.assert_frame_equal(read_table(tmp_path / "table.parquet"), mixed, check_exact=True)


def test_a_table_without_rows_keeps_its_columns(mixed, tmp_path):
    write_table(tmp_path / "table.parquet", mixed.iloc[:0])
    assert list(read_table(tmp_path / "table.parquet").columns) == list(mixed.columns)


def test_patients_become_the_index_and_stay_text(mixed, tmp_path):
    for name in ("table.parquet", "table.csv"):
        write_table(tmp_path / name, mixed)
        found = read_by_patient(tmp_path / name)
        assert (found.index.name, list(found.index)) == ("patient", list(mixed["patient"]))
        assert list(found.columns) == list(mixed.columns[1:])


def test_a_choice_of_all_columns_is_the_table_itself(mixed):
    assert chosen_columns(mixed, list(mixed.columns)) is mixed
    assert list(chosen_columns(mixed, ["c", "b"]).columns) == ["c", "b"]
    assert list(chosen_columns(mixed, list(mixed.columns)[::-1]).columns) == list(mixed.columns)[::-1]
