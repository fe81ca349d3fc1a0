"""Tensors as places in one flat buffer: how they are laid out, and which parts of it have changed.

For `shared_schema.residence` alone; torch is imported when a function is called, never with this module.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["Marks", "Place", "pack"]

# ruff: noqa: PLC0415 - the orchestrator and the embedded workers have no torch

ALIGNMENT = 512
"""Bytes between two beginnings: what torch's own CUDA allocator aligns to, so kernels lose nothing."""

LARGEST_ITEM = 16
"""Bytes of the largest element (complex128): an address keeps its remainder, so any view stays possible."""

LANES = 2 * 262_139
"""64-bit words of a block, 4 MiB: its sums stay in a GPU's cache. Twice a prime, so that no tensor's size is
a multiple of it, and its elements do not meet in the same sum with any regularity."""

BLOCKS = 15
"""Blocks of a section, 60 MiB: the unit that is compared, and copied where it has changed. An odd number,
so that a change of every highest bit does not cancel."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where in a buffer a tensor lies, `offset` in bytes. A `lone` one shares its bytes with nobody."""

    tensor: torch.Tensor
    offset: int
    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype
    lone: bool

    def within(self, buffer: torch.Tensor) -> torch.Tensor:
        """The tensor at this place of a buffer."""
        import torch

        start = self.offset // self.dtype.itemsize
        # A tensor made in inference mode takes no data that was not, nor the other way round.
        with torch.inference_mode(mode=self.tensor.is_inference()):
            empty = torch.empty(0, dtype=self.dtype, device=buffer.device)
            return empty.set_(buffer.untyped_storage(), start, self.shape, self.stride)

    def refill(self, buffer: torch.Tensor) -> None:
        """Copy the tensor's values to its place in a buffer, and point it there."""
        import torch

        with torch.inference_mode(mode=self.tensor.is_inference()):
            self.tensor.data = self.within(buffer).copy_(self.tensor.data)

    def fits(self) -> bool:
        """Whether the tensor still has the shape, strides and type that it was packed with."""
        tensor = self.tensor
        return (tensor.shape, tensor.stride(), tensor.dtype) == (self.shape, self.stride, self.dtype)

    def is_taken(self, buffer: torch.Tensor) -> bool:
        """Whether the tensor points at its place in a buffer."""
        return self.fits() and self.tensor.data_ptr() == buffer.data_ptr() + self.offset


def pack(tensors: Iterable[torch.Tensor]) -> tuple[list[Place], torch.Tensor]:
    """Copy tensors into one buffer on the host (bytes), and point them at it.

    Tensors that overlap in memory overlap in the buffer. What has no plain memory (sparse, lazily
    conjugated, on "meta", of a class of its own) is left where it is. Each original is freed once it
    is copied, so this needs room for little more than the largest of them besides the result.
    """
    import torch

    places, size = _lay_out([tensor for tensor in tensors if _is_plain(tensor)])
    buffer = torch.empty(size, dtype=torch.uint8)
    for place in places:
        source = _memory(place.tensor)
        buffer[place.offset : place.offset + len(source)] = source
        place.tensor.data = place.within(buffer)
    return places, buffer


def _lay_out(tensors: list[torch.Tensor]) -> tuple[list[Place], int]:
    """A place for each, and how many bytes all take."""
    spans: list[list[torch.Tensor]] = []
    end, where = 0, None
    for tensor in sorted(tensors, key=lambda t: (str(t.device), t.data_ptr())):
        if tensor.device != where or tensor.data_ptr() >= end:
            spans.append([])
            end = 0
        spans[-1].append(tensor)
        where, end = tensor.device, max(end, tensor.data_ptr() + _extent(tensor))
    places, cursor = [], 0
    for span in spans:
        begin = span[0].data_ptr()
        first = cursor + begin % LARGEST_ITEM
        for tensor in span:
            offset = first + tensor.data_ptr() - begin
            # An expanded tensor repeats its bytes: it can be read like any other, but not written.
            lone = len(span) == 1 and tensor.nbytes <= _extent(tensor)
            places.append(Place(tensor, offset, tensor.shape, tensor.stride(), tensor.dtype, lone))
            cursor = max(cursor, offset + _extent(tensor))
        cursor = -(-cursor // ALIGNMENT) * ALIGNMENT
    return places, cursor


def _is_plain(tensor: torch.Tensor) -> bool:
    import torch

    if not isinstance(tensor, torch.nn.Parameter) and type(tensor) is not torch.Tensor:
        return False
    if tensor.layout is not torch.strided or tensor.device.type == "meta":
        return False
    return tensor.numel() > 0 and not tensor.is_conj() and not tensor.is_neg()


def _extent(tensor: torch.Tensor) -> int:
    """Bytes from a tensor's first element to the end of its last."""
    steps = ((size - 1) * step for size, step in zip(tensor.shape, tensor.stride(), strict=True))
    return int((sum(steps) + 1) * tensor.element_size())


def _memory(tensor: torch.Tensor) -> torch.Tensor:
    """The bytes that a tensor extends over, in whatever order its strides give them."""
    import torch

    storage = tensor.untyped_storage()
    start = tensor.data_ptr() - storage.data_ptr()
    empty = torch.empty(0, dtype=torch.uint8, device=tensor.device)
    return empty.set_(storage, start, (_extent(tensor),), (1,))


class Marks:
    """Fingerprints of a buffer's sections, taken where it lies; `changed` says which no longer match.

    Each block of a section is multiplied by an odd number of its own and added to the others, word by
    word; the sum's words, each times another such number, are added up; all modulo 2^64. That reads the
    buffer once, at nearly the speed of the device's memory. A change passes unseen about once in four
    billion times. It holds 20 MiB on the device, so that looking again needs none that may be missing then.
    """

    def __init__(self, buffer: torch.Tensor) -> None:
        import torch

        self._sum = torch.empty(LANES, dtype=torch.int64, device=buffer.device)
        self._factors = _odd_numbers(2 * LANES, buffer.device)
        self._alphas: list[int] = self._factors[:BLOCKS].tolist()
        self._products = torch.empty_like(self._factors)
        self._marks = self._take(buffer)

    def changed(self, buffer: torch.Tensor) -> list[slice]:
        """The sections of the buffer, as ranges of bytes, that are not what they were."""
        different = (self._take(buffer) != self._marks).nonzero().flatten().tolist()
        size = LANES * BLOCKS * 8
        return [slice(index * size, min((index + 1) * size, len(buffer))) for index in different]

    def _take(self, buffer: torch.Tensor) -> torch.Tensor:
        import torch

        words = buffer.view(torch.int64)
        return torch.stack([self._mark(section) for section in words.split(LANES * BLOCKS)])

    def _mark(self, section: torch.Tensor) -> torch.Tensor:
        import torch

        self._sum.zero_()
        for block, factor in zip(section.split(LANES), self._alphas, strict=False):
            self._sum[: len(block)].add_(block, alpha=factor)
        # In halves: a change of nothing but signs is one of the highest bits, which cancel in pairs.
        return torch.mul(self._sum.view(torch.int32), self._factors, out=self._products).sum()


def _odd_numbers(count: int, device: torch.device | str) -> torch.Tensor:
    """Odd 64-bit numbers without pattern: SplitMix64 (Steele, Lea, Flood 2014), lowest bit set."""
    import torch

    mixed = torch.arange(1, count + 1, dtype=torch.int64, device=device) * _signed(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> 30)) * _signed(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> 27)) * _signed(0x94D049BB133111EB)
    return (mixed ^ (mixed >> 31)) | 1


def _signed(number: int) -> int:
    """The signed 64-bit number with the same bits: torch has no unsigned arithmetic."""
    return number - (1 << 64) if number >> 63 else number
