"""Where a model's weights are: moves them between the host and a device as fast as the bus can.

    modules ──packed once──> one host buffer ═════one copy═════> one device buffer
                              pinned            to_device                │
                                ^                                        │
                                └── to_host: only what changed ─────────┘

An engine makes one for its networks when it loads them, calls `to_device` in `run`, `to_host` in
`offload` and `drop` in `unload`. torch is imported when one is made, never with this module.

Parameters and buffers stay the objects they are; only what they point at changes. So tied and
overlapping tensors stay tied, and strides (channels_last) are kept. Weights do not change while they
work, and `to_host` copies nothing back, unless something did change. Version counters do not tell:
`weight.data += delta`, which is how adapters are fused, does not count. So fingerprints of the device
buffer are taken after the copy and before the way back, at the speed of the device's own memory. What
was replaced by tensors of other shapes, or hung into a module later, is moved one by one.

A module must not replace its parameters at each step: take weight_norm and other parametrisations off
(`remove_parametrizations`) before its Residence is made.
"""

from __future__ import annotations

import contextlib
import logging
import time
import traceback
import weakref
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from shared_schema.errors import OutOfMemory
from shared_schema.packing import Marks, pack

if TYPE_CHECKING:
    import torch

__all__ = ["Moved", "Residence"]

# ruff: noqa: PLC0415 - the orchestrator and the embedded workers have no torch

log = logging.getLogger("worker")

PORTABLE = 1
"""cudaHostRegisterPortable: pinned for every context of the process."""


class Moved(NamedTuple):
    """Bytes that were copied, and the seconds that the whole move took."""

    bytes: int
    seconds: float


class Residence:
    """The parameters and buffers of some modules (a mapping or an iterable), held together.

    Wherever the modules were, from here on they are on the host. Call it from the thread that runs them.
    """

    def __init__(self, modules: Mapping[str, torch.nn.Module] | Iterable[torch.nn.Module]) -> None:
        self._modules = list(modules.values() if isinstance(modules, Mapping) else modules)
        tensors = self._registered()
        devices = {tensor.device for tensor in tensors}
        with _untracked():
            self._places, self._home = pack(tensors)
            _move([tensor for tensor in tensors if tensor.device != self._home.device], self._home.device)
        for device in devices:
            _give_back(device)
        self._target = self._home.device
        self._away: tuple[torch.Tensor, Marks] | None = None
        self._left_there: list[torch.Tensor] = []
        self._may_pin = True
        self._unpin: weakref.finalize[..., Residence] | None = None

    @property
    def bytes(self) -> int:
        """What it holds on the host, and once more on a device while it is there; 0 after `drop`."""
        return int(self._home.nbytes)

    @property
    def device(self) -> torch.device:
        """Where the modules can compute now."""
        return self._home.device if self._away is None else self._away[0].device

    @property
    def is_away(self) -> bool:
        """Whether the modules compute on a device."""
        return self._away is not None

    @property
    def is_pinned(self) -> bool:
        """Whether a GPU can read the host's buffer by itself; from the first move to one on."""
        return self._unpin is not None and self._unpin.alive

    def to_device(self, device: str) -> Moved:
        """Copy all to a device ("cuda", "cuda:0") and have the modules compute there; "cpu" is `to_host`.

        The first move to a GPU also pins the host's buffer. "cpu:0" is a second place on the host, of use
        to tests alone. OutOfMemory where the device has no room: then the modules are on the host.
        """
        if not self._modules:
            raise RuntimeError("There are no weights to move: they were dropped.")
        target = _exact(device)
        if target == self._target:
            return Moved(0, 0.0)
        back = self.to_host()
        if target == self._home.device:
            return back
        began = time.perf_counter()
        if target.type == "cuda" and self._may_pin and self.bytes:
            self._may_pin = False
            self._unpin = _pin(self._home, self)
        with _untracked():
            self._settle(self._home)
            try:
                copied = self._upload(target)
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
                # Its frames would keep what was copied so far.
                traceback.clear_frames(error.__traceback__)
                _give_back(target)
                raise OutOfMemory(
                    f"There is no room on {target} for weights of {self.bytes / 2**30:.2f} GiB.",
                    "Close other programs that use it, or choose a smaller engine.",
                ) from error
        return Moved(copied, time.perf_counter() - began)

    def to_host(self) -> Moved:
        """Leave the device with what changed there, and give its memory back to the driver."""
        if self._away is None:
            return Moved(0, 0.0)
        began = time.perf_counter()
        away, marks = self._away
        device = away.device
        _wait_for(device)  # what still computes on another stream
        with _untracked():
            self._settle(away)
            changed = marks.changed(away)
            for block in changed:
                self._home[block] = away[block]
            self._left_there = self._loose(self._attributes(), device)
            moved = _move([*self._loose(self._registered(), device), *self._left_there], self._home.device)
            for place in self._places:
                place.tensor.data = place.within(self._home)
        self._away, self._target = None, self._home.device
        del away, marks
        _give_back(device)
        copied = sum(block.stop - block.start for block in changed) + moved
        return Moved(copied, time.perf_counter() - began)

    def drop(self) -> None:
        """Free everything, here and there. The modules are empty then and cannot be used again."""
        import torch

        device = self.device
        with _untracked():
            for tensor in [*self._registered(), *(place.tensor for place in self._places)]:
                tensor.data = torch.empty(0, dtype=tensor.dtype)
        if self._unpin:
            self._unpin()
        self._modules, self._places, self._left_there = [], [], []
        self._away = None
        self._home = torch.empty(0, dtype=torch.uint8)
        _give_back(device)

    def _upload(self, target: torch.device) -> int:
        """Copy all, then point at it; bytes. Nothing is touched unless all of it is there."""
        import torch

        away = torch.empty_like(self._home, device=target)
        away.copy_(self._home, non_blocking=True)
        views = [place.within(away) for place in self._places]  # while the copy goes on
        loose = [*self._loose(self._registered()), *self._left_there]
        marks = Marks(away)
        moved = _move(loose, target)
        _wait_for(target)
        for place, view in zip(self._places, views, strict=True):
            place.tensor.data = view
        self._away, self._target, self._left_there = (away, marks), target, []
        return self.bytes + moved

    def _settle(self, buffer: torch.Tensor) -> None:
        """Bring what was replaced back to its place in the buffer; what no longer fits there loses it."""
        kept = []
        for place in self._places:
            if not place.is_taken(buffer):
                if not (place.lone and place.fits()):
                    continue
                place.refill(buffer)
            kept.append(place)
        self._places = kept

    def _registered(self) -> list[torch.Tensor]:
        """Each parameter and buffer that the modules hold now, once."""
        return _distinct(chain(*((*module.parameters(), *module.buffers()) for module in self._modules)))

    def _attributes(self) -> list[torch.Tensor]:
        """Each tensor that is a plain attribute: what the work keeps there for the next time."""
        import torch

        parts = chain(*(module.modules() for module in self._modules))
        return _distinct(v for part in parts for v in vars(part).values() if isinstance(v, torch.Tensor))

    def _loose(self, tensors: list[torch.Tensor], device: torch.device | None = None) -> list[torch.Tensor]:
        """Those that have no place in the buffers, and lie on `device` where one is named."""
        placed = {id(place.tensor) for place in self._places}
        return [t for t in tensors if id(t) not in placed and device in {None, t.device}]


def _distinct(tensors: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    return list({id(tensor): tensor for tensor in tensors}.values())


def _move(tensors: list[torch.Tensor], device: torch.device) -> int:
    """Move tensors one by one, none of them unless there is room for all; bytes."""
    import torch

    copies = []
    for tensor in tensors:
        with torch.inference_mode(mode=tensor.is_inference()):
            copies.append(tensor.data.to(device))
    for tensor, copy in zip(tensors, copies, strict=True):
        tensor.data = copy
    return sum(int(copy.nbytes) for copy in copies)


@contextlib.contextmanager
def _untracked() -> Iterator[None]:
    """Out of the caller's mode: what is made in inference mode can only be written there."""
    import torch

    with torch.inference_mode(mode=False), torch.no_grad():
        yield


def _exact(device: str) -> torch.device:
    """A device with its index: "cuda" is whichever is current."""
    import torch

    return torch.device(f"cuda:{torch.cuda.current_device()}" if device == "cuda" else device)


def _pin(buffer: torch.Tensor, owner: Residence) -> weakref.finalize[..., Residence] | None:
    """Pin memory where it lies: torch's own pinned memory comes in powers of two, and is never given back.

    What undoes it, called in `drop` or when `owner` is gone; None where the system refuses. Only for who
    is about to use a GPU: it makes a CUDA context, which takes memory there.
    """
    import torch

    runtime = torch.cuda.cudart()
    status = int(runtime.cudaHostRegister(buffer.data_ptr(), buffer.nbytes, PORTABLE))
    if status == 0:
        unpin = weakref.finalize(owner, runtime.cudaHostUnregister, buffer.data_ptr())
        unpin.atexit = False  # the driver may be gone by then; the system frees what is left
        return unpin
    log.warning("The weights could not be pinned (CUDA error %d): moves will be slow.", status)
    with contextlib.suppress(RuntimeError):
        torch.zeros(1, device="cuda")  # the next kernel would report that error as its own
    return None


def _wait_for(device: torch.device) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _give_back(device: torch.device) -> None:
    """Return what torch keeps for later to the driver, so that others can have it, and NVML sees it free."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Whether there was no room: torch has a class for that on a GPU, and only words on the host."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
