"""Suspending through the driver: the calls in their order, and what is said where one fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.stub_driver import RemoteError, StubDriver, build

PID = 4711


def test_a_process_is_locked_then_checkpointed(driver: StubDriver) -> None:
    driver.ask("suspend", PID)
    assert driver.calls == [f"Lock {PID} 30000", f"Checkpoint {PID} 0"]


def test_a_process_is_restored_then_unlocked(driver: StubDriver) -> None:
    driver.ask("suspend", PID)
    driver.ask("resume", PID)
    assert driver.calls[2:] == [f"Restore {PID} 0", f"Unlock {PID} 0"]


def test_what_is_done_already_is_not_done_again(driver: StubDriver) -> None:
    driver.ask("resume", PID)
    assert driver.calls == []
    driver.ask("suspend", PID)
    driver.ask("suspend", PID)
    assert len(driver.calls) == 2


def test_it_can_be_done_again_and_again(driver: StubDriver) -> None:
    for _ in range(3):
        driver.ask("suspend", PID)
        driver.ask("resume", PID)
    assert len(driver.calls) == 12


def test_a_process_that_cannot_be_locked_goes_on(driver: StubDriver) -> None:
    driver.cuda("error Lock 600")
    with pytest.raises(RemoteError, match="Lock failed for process 4711: CUDA_ERROR_NOT_READY") as caught:
        driver.ask("suspend", PID)
    assert caught.value.name == "DeviceFailed"
    assert driver.calls == [f"Lock {PID} 30000"]


def test_a_process_that_cannot_be_checkpointed_is_unlocked(driver: StubDriver) -> None:
    driver.cuda("error Checkpoint 2")
    with pytest.raises(RemoteError, match="Checkpoint failed for process 4711: CUDA_ERROR_OUT_OF_MEMORY"):
        driver.ask("suspend", PID)
    assert driver.calls[-1] == f"Unlock {PID} 0"
    driver.cuda()
    driver.ask("suspend", PID)


def test_a_process_that_was_left_locked_is_unlocked(driver: StubDriver) -> None:
    driver.ask("suspend", PID)
    driver.cuda("error Unlock 401")
    with pytest.raises(RemoteError, match="Unlock failed for process 4711: CUDA_ERROR_ILLEGAL_STATE"):
        driver.ask("resume", PID)
    driver.cuda()
    driver.ask("resume", PID)
    assert [call.split()[0] for call in driver.calls[2:]] == ["Restore", "Unlock", "Unlock"]


@pytest.mark.parametrize("state", [3, 4])
@pytest.mark.parametrize("verb", ["suspend", "resume"])
def test_a_process_that_the_driver_has_failed_is_left_alone(
    driver: StubDriver, verb: str, state: int
) -> None:
    driver.cuda(f"state {state}")
    with pytest.raises(RemoteError, match="cannot suspend or resume") as caught:
        driver.ask(verb, PID)
    assert caught.value.name == "DeviceFailed"
    assert driver.calls == []


def test_an_error_without_a_name_is_its_number(driver: StubDriver) -> None:
    driver.cuda("error GetState 12345")
    with pytest.raises(RemoteError, match="error 12345"):
        driver.ask("suspend", PID)


def test_a_driver_of_12_8_can(driver: StubDriver) -> None:
    assert driver.ask("supported") == ""


@pytest.mark.parametrize(
    ("line", "words"),
    [("version 12060", "is of CUDA 12.6; suspending needs 12.8"), ("error Init 100", "CUDA_ERROR_NO_DEVICE")],
)
def test_a_driver_that_cannot_says_why(driver: StubDriver, line: str, words: str) -> None:
    driver.cuda(line)
    assert words in driver.ask("supported")
    with pytest.raises(RemoteError) as caught:
        driver.ask("suspend", PID)
    assert caught.value.name == "DeviceFailed"


def test_a_driver_without_the_calls_cannot(tmp_path: Path) -> None:
    with StubDriver(build(tmp_path / "old", old=True), tmp_path) as driver:
        assert "suspending needs" in driver.ask("supported")


def test_a_machine_without_a_driver_cannot(tmp_path: Path) -> None:
    with StubDriver(None, tmp_path) as driver:
        assert driver.ask("supported") == "The NVIDIA driver (libcuda.so.1) is not installed."
