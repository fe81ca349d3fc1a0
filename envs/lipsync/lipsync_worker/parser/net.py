"""BiSeNet (Yu et al. 2018) as it is commonly trained for faces: 19 classes, on a ResNet-18 (He et al. 2016).

    picture ── ResNet-18 ─┬─ 1/8 ─────────────────────────┐
                          ├─ 1/16 ── attention ── + ── up ─┴─ fusion ── classes ── up
                          └─ 1/32 ── attention ── + ── up ─^
                              └─ mean of all ─────^

Parts have the names that they have in the checkpoint 79999_iter.pth. Its two further outputs helped training
alone, and are left out.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["CLASSES", "BiSeNet"]

CLASSES: Final = 19


class Layer(nn.Module):
    """A convolution and a batch norm; nothing stays negative."""

    def __init__(self, inputs: int, outputs: int, side: int = 3) -> None:
        super().__init__()
        self.conv = _convolution(inputs, outputs, side)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Of shape (batch, channels, height, width), as all inputs here."""
        return torch.relu_(self.bn(self.conv(inputs)))


class Block(nn.Module):
    """Two convolutions, to which what came in is added."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(inputs, outputs, 3, stride)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = _convolution(outputs, outputs, 3)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(_convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Halves height and width where the stride is 2."""
        changed = self.bn2(self.conv2(torch.relu_(self.bn1(self.conv1(inputs)))))
        kept = inputs if self.downsample is None else self.downsample(inputs)
        return torch.relu_(kept + changed)


class ResNet(nn.Module):
    """ResNet-18 without its last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _convolution(3, 64, 7, 2)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(Block(64, 64, 1), Block(64, 64, 1))
        self.layer2 = nn.Sequential(Block(64, 128, 2), Block(128, 128, 1))
        self.layer3 = nn.Sequential(Block(128, 256, 2), Block(256, 256, 1))
        self.layer4 = nn.Sequential(Block(256, 512, 2), Block(512, 512, 1))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is seen at an eighth (128 channels), a sixteenth (256) and a 32nd (512) of the side."""
        eighth = self.layer2(self.layer1(self.maxpool(torch.relu_(self.bn1(self.conv1(pictures))))))
        sixteenth = self.layer3(eighth)
        return eighth, sixteenth, self.layer4(sixteenth)


class Attention(nn.Module):
    """Weighs channels by their means over the picture."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = Layer(inputs, outputs)
        self.conv_atten = _convolution(outputs, outputs, 1)
        self.bn_atten = nn.BatchNorm2d(outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Of the same height and width."""
        seen: Tensor = self.conv(inputs)
        return seen * torch.sigmoid(self.bn_atten(self.conv_atten(seen.mean((2, 3), keepdim=True))))


class Context(nn.Module):
    """What is in the picture as a whole, brought up to an eighth of its side."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = ResNet()
        self.arm16 = Attention(256, 128)
        self.arm32 = Attention(512, 128)
        self.conv_head32 = Layer(128, 128)
        self.conv_head16 = Layer(128, 128)
        self.conv_avg = Layer(512, 128, 1)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """What the ResNet saw at an eighth, and the context there; 128 channels each."""
        eighth, sixteenth, least = self.resnet(pictures)
        context = self.arm32(least) + self.conv_avg(least.mean((2, 3), keepdim=True))
        context = self.conv_head32(_as_large(context, sixteenth))
        context = self.conv_head16(_as_large(self.arm16(sixteenth) + context, eighth))
        return eighth, context


class Fusion(nn.Module):
    """Joins detail and context, and adds the channels that matter once more."""

    def __init__(self) -> None:
        super().__init__()
        self.convblk = Layer(256, 256, 1)
        self.conv1 = _convolution(256, 64, 1)
        self.conv2 = _convolution(64, 256, 1)

    def forward(self, detail: Tensor, context: Tensor) -> Tensor:
        """Of 256 channels."""
        joined: Tensor = self.convblk(torch.cat((detail, context), 1))
        weights = self.conv2(torch.relu_(self.conv1(joined.mean((2, 3), keepdim=True))))
        return joined + joined * torch.sigmoid(weights)


class Output(nn.Module):
    """A score for each class."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = Layer(256, 256)
        self.conv_out = _convolution(256, CLASSES, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Of 19 channels."""
        scores: Tensor = self.conv_out(self.conv(inputs))
        return scores


class BiSeNet(nn.Module):
    """The network."""

    def __init__(self) -> None:
        super().__init__()
        self.cp = Context()
        self.ffm = Fusion()
        self.conv_out = Output()

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (batch, 3, height, width), sides multiples of 32, to scores (batch, 19, height, width)."""
        scores = self.conv_out(self.ffm(*self.cp(pictures)))
        size = (pictures.shape[2], pictures.shape[3])
        return functional.interpolate(scores, size, mode="bilinear", align_corners=True)


def _convolution(inputs: int, outputs: int, side: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False)


def _as_large(small: Tensor, large: Tensor) -> Tensor:
    return functional.interpolate(small, (large.shape[2], large.shape[3]), mode="nearest")
