import os

from habitat_radiomics.state import FileFacts, as_json, write_if_changed


def test_an_unchanged_file_keeps_its_date(tmp_path):
    path = tmp_path / "a.json"
    write_if_changed(path, "x")
    os.utime(path, (1, 1))
    write_if_changed(path, "x")
    assert path.stat().st_mtime == 1
    write_if_changed(path, "y")
    assert path.read_text() == "y"
    assert list(tmp_path.iterdir()) == [path]


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
