"""The format in which torch wrote before 2020: read as safely as today's."""

from __future__ import annotations

import json
import pickle
import resource
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.models.convert import to_safetensors
from orchestrator.models.pth import MAGIC, PROTOCOL
from shared_schema.errors import WeightsError
from tests.orchestrator.models.test_pth import NUMBERS, model, numbers, text

SYSTEM = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2}}


def tensor(key: str = "94", count: int = 6, rest: bytes = b"N") -> bytes:
    """The opcodes that torch 1.1 writes for a tensor of two rows of three."""
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu")
    storage += b"J" + struct.pack("<i", count) + rest + b"tQ"
    view = b"J" + struct.pack("<i", 0) + numbers(2, 3) + numbers(3, 1) + b"\x89"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + view + b"ccollections\nOrderedDict\n)RtR"


def old(
    pickled: bytes,
    *,
    magic: object = MAGIC,
    system: object = SYSTEM,
    keys: object = ("94",),
    data: bytes = struct.pack("<q", 6) + NUMBERS,
) -> bytes:
    first = [magic, PROTOCOL, system]
    last = list(keys) if isinstance(keys, tuple) else keys
    return b"".join(pickle.dumps(part, 2) for part in first) + pickled + pickle.dumps(last, 2) + data


PLAIN = old(model(tensor()))


def refused(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        to_safetensors(path, tmp_path / "model.safetensors")
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.pth"]
    return caught.value.message


def test_a_plain_file_is_converted(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(PLAIN)
    assert to_safetensors(path, tmp_path / "model.safetensors") == 1
    data = (tmp_path / "model.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    assert json.loads(data[8 : 8 + length])["weight"]["shape"] == [2, 3]
    assert data[8 + length :] == NUMBERS


CALL = b"cposix\nsystem\n(" + text("touch ran") + b"tR"


@pytest.mark.parametrize("place", ["magic", "content", "keys"])
def test_nothing_runs_in_any_of_its_pickles(tmp_path: Path, place: str) -> None:
    evil = b"\x80\x02" + CALL + b"."
    content = {
        "magic": evil + PLAIN,
        "content": old(model(CALL)),
        "keys": old(model(tensor())).replace(pickle.dumps(["94"], 2), evil),
    }[place]
    assert "posix.system" in refused(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no torch checkpoint"),
        (b"<html>Not found</html>", "no torch checkpoint"),
        (old(model(tensor()), magic=1), "no torch checkpoint"),
        (old(model(tensor()), system={"little_endian": False}), "big-endian"),
        (old(model(tensor()), keys=("94", "95")), "the numbers that it names"),
        (old(model(tensor()), keys=()), "the numbers that it names"),
        (old(model(tensor()), keys={"94": 1}), "the numbers that it names"),
        (old(model(tensor()), data=struct.pack("<q", 7) + NUMBERS), "not where it should be"),
        (old(model(tensor(count=7)), data=struct.pack("<q", 7) + NUMBERS), "cut short"),
        (PLAIN[:-1], "cut short"),
        (old(model(tensor(rest=b"(" + text("view") + b"K\x00K\x06t"))), "not in it"),
        (old(b"\x80\x02}" + text("a") + tensor() + b"s" + text("b") + tensor(count=5) + b"s."), "not in it"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refused(tmp_path, content)


def test_a_huge_length_costs_no_memory(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(tmp_path, b"\x80\x02X\xff\xff\xff\xff" + bytes(100_000))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@given(st.lists(st.tuples(st.integers(0, len(PLAIN) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_any_damage_gives_tensors_or_an_error_in_words(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int]]
) -> None:
    content = bytearray(PLAIN)
    for place, value in damage:
        content[place] = value
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "model.pth").write_bytes(content)
    refusal = ""
    try:
        to_safetensors(folder / "model.pth", folder / "model.safetensors")
    except WeightsError as error:
        refusal = error.message
    assert bool(refusal) != (folder / "model.safetensors").is_file()
