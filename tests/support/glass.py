"""What nets need whose weights were not learnt but reckoned, so that pictures pass through as through glass.

The normalisations within are undone by two tricks. Signals go through a group of channels as x, -x, y, -y...
k and -k: its mean is 0 and its variance k² by the number of these pairs, but for a thousandth, whatever the
picture. And silu(x) - silu(-x) is x. A group of the norms holds `together` signals.
"""

from __future__ import annotations

import torch

from tests.support.random_weights import State

__all__ = ["CENTRE", "LINEAR", "MEAN", "K", "carry", "empty", "gather", "place", "restore", "size", "spread"]

K = 30.0

LINEAR = torch.outer(torch.tensor([1.0, 2.0, 1.0]), torch.tensor([1.0, 2.0, 1.0])) / 16
"""After each pixel was doubled: those between by linear interpolation. At the border it fades to 0."""

CENTRE = torch.zeros(3, 3)
"""Each pixel as it is."""
CENTRE[1, 1] = 1.0

MEAN = torch.zeros(3, 3)
"""At every second pixel: the mean of 2 x 2."""
MEAN[:2, :2] = 0.25  # a VAE's encoder pads at the right and below only


def empty(net: torch.nn.Module) -> State:
    """Zeros, with which all that is added to a signal on its way through the net is nothing."""
    return {name: torch.zeros(value.shape) for name, value in net.state_dict().items()}


def size(together: int = 1) -> int:
    """Channels of a group."""
    return 2 * together + 2


def place(signal: int, together: int = 1) -> int:
    """The channel of a signal; behind it is its negative."""
    return signal // together * size(together) + signal % together * 2


def spread(state: State, name: str, signals: torch.Tensor, together: int = 1) -> None:
    """A convolution that makes channels of signals; `signals` (s, inputs) says of what each is how much."""
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    for number, shares in enumerate(signals):
        first = place(number, together)
        weight[first] = shares[:, None, None] * CENTRE
        weight[first + 1] = -weight[first]
    bias[2 * together :: size(together)] = K
    bias[2 * together + 1 :: size(together)] = -K


def carry(state: State, name: str, kernel: torch.Tensor, together: int = 1) -> None:
    """A convolution that hands each channel on, the signals' smoothed by a kernel (3, 3)."""
    weight = state[f"{name}.weight"]
    for channel in range(len(weight)):
        weight[channel, channel] = kernel if channel % size(together) < 2 * together else CENTRE


def restore(state: State, name: str, together: int = 1) -> None:
    """A normalisation that gives back what it is given."""
    state[f"{name}.weight"][:] = K / (together + 1) ** 0.5


def gather(state: State, part: str, signals: int, together: int = 1) -> None:
    """The last normalisation and convolution of a net, which make signals of the groups again."""
    prefix = f"{part}." if part else ""
    restore(state, f"{prefix}conv_norm_out", together)
    for signal in range(signals):
        first = place(signal, together)
        state[f"{prefix}conv_out.weight"][signal, first] = CENTRE
        state[f"{prefix}conv_out.weight"][signal, first + 1] = -CENTRE
