"""Tensors are read from a checkpoint without PyTorch, and nothing else in it is ever run."""

import io
import os
import pickle
import sys
import types
from collections import OrderedDict

import numpy as np
import pytest

from habitat_radiomics.torch_checkpoint import MAGIC, read_checkpoint


def _rebuild_tensor_v2(*parts):
    raise AssertionError("only its name is stored")


class FloatStorage:
    """Only its name is stored."""


class Storage:
    """The values of a tensor under a key, as a checkpoint refers to them."""

    def __init__(self, key, values):
        self.key = key
        self.values = np.asarray(values, dtype="<f4")


class Tensor:
    """A tensor as PyTorch pickles one."""

    def __init__(self, storage, shape, strides, offset=0):
        self.parts = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce__(self):
        return _rebuild_tensor_v2, self.parts


class Writer(pickle.Pickler):
    def persistent_id(self, value):
        if isinstance(value, Storage):
            return "storage", FloatStorage, value.key, "cpu", value.values.size, None
        return None


@pytest.fixture
def torch_names(monkeypatch):
    """Names under which the pickle refers to PyTorch, which need not be there."""
    for name, value in (("_rebuild_tensor_v2", _rebuild_tensor_v2), ("FloatStorage", FloatStorage)):
        module = "torch._utils" if name.startswith("_") else "torch"
        monkeypatch.setitem(sys.modules, module, types.SimpleNamespace(**{name: value}))
        monkeypatch.setattr(value, "__module__", module)


def checkpoint(named, storages, *, magic=MAGIC):
    stream = io.BytesIO()
    for value in (magic, 1001, {"little_endian": True}):
        pickle.dump(value, stream, protocol=2)
    Writer(stream, protocol=2).dump(named)
    pickle.dump([storage.key for storage in storages], stream, protocol=2)
    for storage in storages:
        stream.write(np.int64(storage.values.size).tobytes() + storage.values.tobytes())
    return stream.getvalue()


def test_tensors_come_back_in_their_shape_also_when_their_axes_are_stored_in_another_order(tmp_path, torch_names):
    values = np.arange(24, dtype=np.float32)
    a, b = Storage("1", values), Storage("2", [7, 8, 9])
    named = OrderedDict(
        plain=Tensor(a, (2, 3, 4), (12, 4, 1)), turned=Tensor(a, (4, 6), (1, 4)), part=Tensor(b, (2,), (1,), offset=1)
    )
    (tmp_path / "a.pth").write_bytes(checkpoint(named, [a, b]))
    found = read_checkpoint(tmp_path / "a.pth")
    assert list(found) == ["plain", "turned", "part"]
    np.testing.assert_array_equal(found["plain"], values.reshape(2, 3, 4))
    np.testing.assert_array_equal(found["turned"], values.reshape(6, 4).T)
    np.testing.assert_array_equal(found["part"], [8, 9])


class Harmful:
    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_a_checkpoint_that_names_anything_but_tensors_is_refused_and_nothing_of_it_runs(tmp_path):
    (tmp_path / "a.pth").write_bytes(pickle.dumps(Harmful(tmp_path / "made"), protocol=2))
    with pytest.raises(ValueError, match=r"a.pth is no checkpoint that can be read: it names posix.mkdir"):
        read_checkpoint(tmp_path / "a.pth")
    assert not (tmp_path / "made").exists()


def test_another_format_and_a_truncated_file_are_refused(tmp_path, torch_names):
    storage = Storage("1", [1, 2, 3])
    named = {"x": Tensor(storage, (3,), (1,))}
    (tmp_path / "a.pth").write_bytes(checkpoint(named, [storage], magic=5))
    with pytest.raises(ValueError, match="no checkpoint of PyTorch's format before 1.6"):
        read_checkpoint(tmp_path / "a.pth")
    (tmp_path / "a.pth").write_bytes(checkpoint(named, [storage])[:-4])
    with pytest.raises(ValueError, match="truncated"):
        read_checkpoint(tmp_path / "a.pth")


def test_a_tensor_outside_its_storage_is_refused(tmp_path, torch_names):
    storage = Storage("1", [1, 2, 3])
    for shape, strides, offset in (((4,), (1,), 0), ((2,), (1,), 2), ((2,), (2,), 2), ((2,), (-1,), 1)):
        named = {"x": Tensor(storage, shape, strides, offset)}
        (tmp_path / "a.pth").write_bytes(checkpoint(named, [storage]))
        with pytest.raises(ValueError, match="outside its storage"):
            read_checkpoint(tmp_path / "a.pth")
