import hashlib
import os

import pytest

from habitat_radiomics.state import FileFacts, as_json, put_back, write_if_changed


def test_an_unchanged_file_keeps_its_date(tmp_path):
    path = tmp_path / "a.json"
    write_if_changed(path, "x")
    os.utime(path, (1, 1))
    write_if_changed(path, "x")
    assert path.stat().st_mtime == 1
    write_if_changed(path, "y")
    assert path.read_text() == "y"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_file_held_before_is_kept_by_its_hash(tmp_path):
    path, earlier = tmp_path / "a.json", tmp_path / "earlier"
    for text in ("old", "new", "new"):
        write_if_changed(path, text, earlier=earlier)
    assert [file.read_text() for file in earlier.iterdir()] == ["old"]
    assert (earlier / hashlib.sha256(b"old").hexdigest()).is_file()


def test_a_change_that_must_not_happen_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "a.json"

    def refuse(changed):
        raise RuntimeError(f"{changed.name} is in use")

    write_if_changed(path, "old", may_change=refuse)
    write_if_changed(path, "old", may_change=refuse)
    with pytest.raises(RuntimeError, match="a.json is in use"):
        write_if_changed(path, "new", may_change=refuse)
    assert path.read_text() == "old"


def test_looking_ahead_leaves_content_dates_and_files_as_they_were(tmp_path):
    folder, absent = tmp_path / "study/state", tmp_path / "study/tables"
    write_if_changed(folder / "sub/a.json", "a")
    write_if_changed(folder / "b.json", "b")
    os.utime(folder / "b.json", (1, 1))
    with pytest.raises(RuntimeError, match="stopped"), put_back([folder, absent]):
        write_if_changed(folder / "b.json", "changed", earlier=folder / "earlier")
        write_if_changed(folder / "new/c.json", "c")
        write_if_changed(absent / "d.tsv", "d")
        (folder / "sub/a.json").unlink()
        raise RuntimeError("stopped")
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert found == {"study", "study/state", "study/state/sub", "study/state/sub/a.json", "study/state/b.json"}
    assert ((folder / "b.json").read_text(), (folder / "b.json").stat().st_mtime) == ("b", 1)
    assert (folder / "sub/a.json").read_text() == "a"


def test_what_a_run_has_begun_to_need_meanwhile_stays(tmp_path):
    folder = tmp_path / "study/state"
    with put_back([folder], unless=lambda: True):
        write_if_changed(folder / "a.json", "a")
    assert (folder / "a.json").read_text() == "a"


def test_equal_values_give_equal_text_whatever_the_order_of_keys():
    assert as_json({"b": 1, "a": [2]}) == as_json({"a": [2], "b": 1})


def test_a_file_is_hashed_again_only_when_size_or_date_changed(tmp_path):
    file, calls = tmp_path / "image", []
    file.write_bytes(b"abc")
    facts = FileFacts(tmp_path / "facts.json")
    assert facts.sha256(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    facts.geometry(file, lambda path: calls.append(path) or {"size": 1})
    facts.save()
    again = FileFacts(tmp_path / "facts.json")
    again.geometry(file, lambda path: calls.append(path))
    assert len(calls) == 1
    file.write_bytes(b"abcd")
    assert again.sha256(file) != facts.sha256(tmp_path / "facts.json")
    assert again.sha256(file).startswith("88d4266f")


def test_facts_of_files_no_longer_used_are_forgotten(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    for file in (old, new):
        file.write_bytes(b"abc")
    facts = FileFacts(tmp_path / "facts.json")
    facts.sha256(old)
    facts.save()
    later = FileFacts(tmp_path / "facts.json")
    later.sha256(new)
    later.save()
    assert str(old) not in (tmp_path / "facts.json").read_text()
