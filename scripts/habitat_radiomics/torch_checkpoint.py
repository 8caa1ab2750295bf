"""Read the tensors of a PyTorch checkpoint without PyTorch, and without running anything that stands in the file.

The format before PyTorch 1.6: four pickles (magic number, version, system, tensors by name), the list of storage keys,
and the storages one after the other, each with its number of values (torch/serialization.py, `_legacy_save`). A pickle
is a program that may call whatever it names; here it can name an ordered dictionary, tensors and number types alone.
"""

import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def read_checkpoint(path):
    """Return the tensors of a checkpoint as numpy arrays, by name in their order.

    Raises
    ------
    ValueError
        The file has another format, or names anything but tensors.
    """
    with Path(path).open("rb") as stream:
        try:
            magic, _, _ = (_Tensors(stream).load() for _ in range(3))
        except pickle.UnpicklingError as error:
            raise ValueError(f"{Path(path).name} is no checkpoint that can be read: {error}.") from error
        if magic != MAGIC:
            raise ValueError(f"{Path(path).name} is no checkpoint of PyTorch's format before 1.6.")
        tensors = _Tensors(stream)
        named = tensors.load()
        for key in _Tensors(stream).load():
            _fill(stream, tensors.storages[key])
    return {name: _array(*parts) for name, parts in named.items()}


class _Tensors(pickle.Unpickler):
    """An unpickler that knows tensors only; storages are arrays that are filled later."""

    def __init__(self, stream):
        super().__init__(stream)
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _parts
        if module == "torch" and name in TYPES:
            return TYPES[name]
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is no tensor")

    def persistent_load(self, identifier):
        _, kind, key, _, values, _ = identifier
        return self.storages.setdefault(key, np.empty(values, kind))


def _parts(storage, offset, shape, strides, *_):
    """What a tensor consists of; its values come later in the file."""
    return storage, offset, shape, strides


def _fill(stream, storage):
    count = int(np.frombuffer(stream.read(8), "<i8")[0])
    content = stream.read(storage.nbytes)
    if count != storage.size or len(content) != storage.nbytes:
        raise ValueError("the checkpoint is truncated: get it again.")
    storage[:] = np.frombuffer(content, storage.dtype)


def _array(storage, offset, shape, strides):
    """A tensor; numbers of steps along its axes are counted in values."""
    last = offset + sum((length - 1) * step for length, step in zip(shape, strides, strict=True))
    if not 0 <= offset <= last < storage.size or min((*strides, 0)) < 0:
        raise ValueError("a tensor of the checkpoint lies outside its storage: get it again.")
    bytes_per_step = [step * storage.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, bytes_per_step).copy()
