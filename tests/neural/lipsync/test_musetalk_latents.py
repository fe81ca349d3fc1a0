"""Latents are computed once, kept, found again, and never taken for another face's."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lipsync_worker.musetalk import latents as module
from lipsync_worker.musetalk.latents import Latents, key_of

HOST = torch.device("cpu")
KEY = key_of(["a face"])


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what is kept."""
    monkeypatch.setenv("AVATAR_HOME", str(tmp_path))
    return tmp_path / "cache" / "musetalk"


def some(number: float) -> torch.Tensor:
    return torch.full((8, 32, 32), number)


def looking(number: float) -> tuple[Callable[[], torch.Tensor], list[float]]:
    """A look at a face, and how often it was looked at."""
    looked: list[float] = []

    def look() -> torch.Tensor:
        looked.append(number)
        return some(number)

    return look, looked


def never() -> torch.Tensor:
    raise AssertionError("it is known already")


def keep(key: str = KEY, **numbers: float) -> None:
    """Learn some faces, by shot 0, 1 and so on, and keep them."""
    known = Latents(key, HOST)
    for shot, number in enumerate(numbers.values()):
        known.of(shot, lambda number=number: some(number))  # type: ignore[misc]
    known.keep()


def test_each_shot_is_looked_at_once() -> None:
    known = Latents(None, HOST)
    (one, looks), (two, _) = looking(1), looking(2)
    assert torch.equal(known.of(5, one), known.of(5, one))
    assert torch.equal(known.of(6, two), some(2))
    assert torch.equal(known.of(5, never), some(1))
    assert looks == [1]


def test_what_was_kept_is_found_again(kept: Path) -> None:
    keep(a=1, b=2)
    again = Latents(KEY, HOST)
    assert torch.equal(again.of(0, never), some(1))
    assert torch.equal(again.of(1, never), some(2))
    assert [path.name for path in kept.iterdir()] == [f"{KEY}.safetensors"]


def test_what_comes_to_it_is_kept_too() -> None:
    keep(a=1)
    second = Latents(KEY, HOST)
    second.of(7, looking(3)[0])
    second.keep()
    third = Latents(KEY, HOST)
    assert torch.equal(third.of(0, never), some(1))
    assert torch.equal(third.of(7, never), some(3))


def test_nothing_new_writes_nothing(kept: Path) -> None:
    Latents(KEY, HOST).keep()
    assert not kept.exists()
    keep(a=1)
    before = (kept / f"{KEY}.safetensors").stat().st_ino
    again = Latents(KEY, HOST)
    again.of(0, never)
    again.keep()
    assert (kept / f"{KEY}.safetensors").stat().st_ino == before


def test_without_a_key_nothing_is_kept(kept: Path) -> None:
    known = Latents(None, HOST)
    known.of(0, looking(1)[0])
    known.keep()
    assert not kept.exists()


def test_another_key_knows_nothing_of_it() -> None:
    keep(a=1)
    look, looks = looking(2)
    Latents(key_of(["another face"]), HOST).of(0, look)
    assert looks == [2]


@pytest.mark.parametrize("damage", ["empty", "cut", "noise", "other", "uneven"])
def test_a_damaged_file_is_made_again(kept: Path, damage: str) -> None:
    keep(a=1)
    path = kept / f"{KEY}.safetensors"
    whole = path.read_bytes()
    if damage == "other":
        save_file({"else": torch.zeros(3)}, path)
    elif damage == "uneven":
        save_file({"keys": torch.tensor([0, 1]), "latents": some(4)[None]}, path)
    else:
        path.write_bytes({"empty": b"", "cut": whole[:-100], "noise": bytes(range(256)) * 40}[damage])
    known = Latents(KEY, HOST)
    look, looks = looking(2)
    known.of(0, look)
    assert looks == [2]
    known.keep()
    assert load_file(path)["keys"].tolist() == [0]
    assert torch.equal(Latents(KEY, HOST).of(0, never), some(2))


def test_a_key_changes_with_each_part_and_their_order() -> None:
    parts = ["portrait", "face", "weights", "v1.5", "0", "float32"]
    changed = [[*parts[:at], "other", *parts[at + 1 :]] for at in range(len(parts))]
    moved = [["portraitface", *parts[2:]], parts[::-1], parts[:-1], [*parts, ""]]
    keys = [key_of(each) for each in (parts, *changed, *moved)]
    assert len(set(keys)) == len(keys)
    assert all(len(key) == 64 and int(key, 16) >= 0 for key in keys)
    assert key_of(parts) == key_of(iter(parts))


def test_a_key_changes_when_the_same_faces_give_other_latents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REVISION", "next")
    assert key_of(["a face"]) != KEY


def test_of_many_shots_those_used_last_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    known = Latents(None, HOST)
    for shot in range(3):
        known.of(shot, looking(shot)[0])
    known.of(0, never)
    known.of(3, looking(3)[0])
    for shot in (2, 0, 3):
        known.of(shot, never)
    look, looks = looking(1)
    known.of(1, look)
    assert looks == [1]


def test_of_many_files_those_used_last_are_kept(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 3)
    keys = [key_of([str(number)]) for number in range(4)]
    for age, key in zip(itertools.count(1000, -100), keys[:3], strict=False):
        keep(key, a=1)
        then = (kept / f"{key}.safetensors").stat().st_mtime - age
        os.utime(kept / f"{key}.safetensors", (then, then))
    Latents(keys[0], HOST).of(0, never)  # the oldest is used once more
    keep(keys[3], a=1)
    assert {path.stem for path in kept.iterdir()} == {keys[0], keys[2], keys[3]}


def test_latents_are_kept_in_the_format_they_were_made_in() -> None:
    known = Latents(KEY, HOST)
    known.of(0, lambda: some(0.1).half())
    known.keep()
    found = Latents(KEY, HOST).of(0, never)
    assert found.dtype == torch.float16
    assert torch.equal(found, some(0.1).half())
