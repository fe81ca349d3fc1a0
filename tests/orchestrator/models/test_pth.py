"""A checkpoint is data: whatever it says, nothing of it runs, and a crafted one is refused in words."""

from __future__ import annotations

import json
import pickle
import resource
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.models.convert import to_safetensors
from orchestrator.models.pth import opened
from shared_schema.errors import WeightsError

NUMBERS = struct.pack("<6f", 1, 2, 3, 4, 5, 6)


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def numbers(*values: int) -> bytes:
    return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"


def tensor(
    *, kind: bytes = b"torch\nFloatStorage", key: str = "0", count: int = 6, offset: int = 0,
    shape: tuple[int, ...] = (2, 3), stride: tuple[int, ...] = (3, 1),
) -> bytes:  # fmt: skip
    """The opcodes that torch writes for a tensor."""
    storage = b"(" + text("storage") + b"c" + kind + b"\n" + text(key) + text("cpu")
    storage += b"J" + struct.pack("<i", count) + b"tQ"
    rest = b"J" + struct.pack("<i", offset) + numbers(*shape) + numbers(*stride) + b"\x89"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + rest + b"ccollections\nOrderedDict\n)RtR"


def model(value: bytes, name: str = "weight") -> bytes:
    return b"\x80\x02}" + text(name) + value + b"s."


def checkpoint(path: Path, pickled: bytes, *, data: bytes = NUMBERS, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/data/0", data)
        for name, content in members.items():
            archive.writestr(f"archive/{name}", content)
    return path


def refused(tmp_path: Path, pickled: bytes, **members: bytes) -> str:
    path = checkpoint(tmp_path / "model.pth", pickled, **members)
    with pytest.raises(WeightsError) as caught:
        to_safetensors(path, tmp_path / "model.safetensors")
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.pth"]
    return caught.value.message


def test_a_plain_checkpoint_is_converted(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "model.pth", model(tensor()), byteorder=b"little")
    assert to_safetensors(path, tmp_path / "model.safetensors") == 1
    data = (tmp_path / "model.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    assert length % 8 == 0
    header = json.loads(data[8 : 8 + length])
    assert header["weight"] == {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    assert data[8 + length :] == NUMBERS


@pytest.mark.parametrize(
    "called",
    [
        b"cposix\nsystem\n" + b"(" + text("touch ran") + b"tR",
        b"cbuiltins\neval\n" + b"(" + text("1") + b"tR",
        b"cbuiltins\ngetattr\n(ctorch._utils\n_rebuild_tensor_v2\n" + text("__globals__") + b"tR",
        b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n",
        b"ccollections\nOrderedDict.fromkeys\n",
        b"ctorch.serialization\nload\n",
        b"corchestrator.models.unpickle\n_HARMLESS\n",
        text("posix") + text("system") + b"\x93",
    ],
)
def test_any_other_name_is_refused_by_name(tmp_path: Path, called: bytes) -> None:
    assert "is refused" in refused(tmp_path, b"\x80\x04}" + text("weight") + called + b"s.")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (tensor(count=7), "not in it"),
        (tensor(count=-1), "not in it"),
        (tensor(key="../0"), "not in it"),
        (tensor(key="1"), "not in it"),
        (tensor(offset=1), "reaches out"),
        (tensor(shape=(3, 3)), "reaches out"),
        (tensor(stride=(3, 100)), "reaches out"),
        (tensor(shape=(2,)), "impossible shape"),
        (tensor(stride=(-3, 1)), "impossible shape"),
        (tensor(kind=b"torch\nComplexFloatStorage"), "is refused"),
        (text("no tensor"), "holds no tensors"),
    ],
)
def test_a_tensor_that_cannot_be_is_refused(tmp_path: Path, what: bytes, said: str) -> None:
    assert said in refused(tmp_path, model(what))


def test_a_record_takes_any_state_and_does_nothing_with_it(tmp_path: Path) -> None:
    config = b"cTTS.tts.models.xtts\nXttsArgs\n)\x81}" + text("__class__") + text("posix.system") + b"sb"
    pickled = b"\x80\x02}" + text("config") + config + b"s" + text("weight") + tensor() + b"s."
    path = checkpoint(tmp_path / "model.pth", pickled)
    assert to_safetensors(path, tmp_path / "model.safetensors") == 1


def test_dictionaries_that_hold_each_other_are_refused(tmp_path: Path) -> None:
    pickled = b"\x80\x02}q\x00" + text("weight") + tensor() + b"s" + text("self") + b"h\x00s."
    assert "hold each other" in refused(tmp_path, pickled)


def test_two_tensors_of_one_name_are_refused(tmp_path: Path) -> None:
    inner = b"}" + text("b") + tensor() + b"s"
    pickled = b"\x80\x02}" + text("a/b") + tensor() + b"s" + text("a") + inner + b"s."
    assert "two tensors" in refused(tmp_path, pickled)


def test_a_big_endian_checkpoint_is_refused(tmp_path: Path) -> None:
    assert "big-endian" in refused(tmp_path, model(tensor()), byteorder=b"big")


def test_a_packed_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", model(tensor()))
        archive.writestr("archive/data/0", NUMBERS)
    with pytest.raises(WeightsError, match="odd way"), opened(path) as file:
        list(file.tensors())


def test_a_missing_entry_is_named(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "model.pth", model(tensor()))
    with pytest.raises(WeightsError, match="no entry 'model'"):
        to_safetensors(path, tmp_path / "x.safetensors", under="model")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    path.write_bytes(pickle.dumps({"weight": [1.0]}))
    with pytest.raises(WeightsError, match="no torch checkpoint"):
        to_safetensors(path, tmp_path / "x.safetensors")


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    nested = tensor()
    for _ in range(60):
        nested = b"}" + text("a") + nested + b"s"
    refused(tmp_path, b"\x80\x02" + nested + b".")


VALID = model(tensor())


@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_any_damage_gives_tensors_or_an_error_in_words(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int]]
) -> None:
    pickled = bytearray(VALID)
    for place, value in damage:
        pickled[place] = value
    folder = tmp_path_factory.mktemp("damaged")
    path = checkpoint(folder / "model.pth", bytes(pickled))
    refusal = ""
    try:
        to_safetensors(path, folder / "model.safetensors")
    except WeightsError as error:
        refusal = error.message
    assert bool(refusal) != (folder / "model.safetensors").is_file()


def test_a_huge_memo_index_costs_no_memory(tmp_path: Path) -> None:
    pickled = b"\x80\x02}r\xff\xff\xff\x7f" + text("weight") + tensor() + b"s."
    path = checkpoint(tmp_path / "model.pth", pickled)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert to_safetensors(path, tmp_path / "model.safetensors") == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@given(st.binary(max_size=300))
def test_any_pickle_gives_an_error_in_words(tmp_path_factory: pytest.TempPathFactory, pickled: bytes) -> None:
    folder = tmp_path_factory.mktemp("random")
    path = checkpoint(folder / "model.pth", pickled)
    with pytest.raises(WeightsError):
        to_safetensors(path, folder / "model.safetensors")
