"""How well lips follow speech, judged on the finished video: what the eye sees, as numbers.

Runs where MediaPipe is (the vision environment). The mouth's opening O is |L13-L14| / |L33-L263| of the face
mesh, measured on each frame by itself, so that no filter of the tracker hides or makes motion. What speech
should look like comes from a small table here, not from the worker's own viseme table.

    measure(video, wav, utterances) -> Score          score(Opening, sound, utterances) -> Score
    Score.failures() -> the bars it misses            shifted, rolled, frozen -> the negative controls
"""

from __future__ import annotations

import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from shared_schema.records import Phone, Utterance

__all__ = [
    "Opening",
    "Score",
    "Sound",
    "frozen",
    "identity",
    "measure",
    "openings",
    "read_wav",
    "score",
    "shifted",
]

Floats = NDArray[np.float64]

VIEW = 512  # pixels: small faces are measured enlarged, else the mesh is too coarse for lips
MAX_LAG = 10  # frames searched to each side
PAUSE = 0.30  # seconds: shorter silences are not judged
AROUND = 0.04  # seconds around a closure in which it may be seen
EDGE = 2  # frames left out at each end of a pause: lips need that long to come to rest
NEAR_CLOSED = 0.25  # of the usual opening in speech: below it, the mouth is closed

OTHERS_ASK = 0.15  # of the opening: sounds made with the teeth together
_WIDE_OPEN = frozenset("aɑɒæʌɔɛɐ")
_HALF_OPEN = frozenset("eoəɜɝɚɪʊøœ")
_NARROW = frozenset("iuyɨʉhkɡgŋlɫɹrjθðtdnɾ")
_CLOSED = frozenset("pbm")
_ASKED = {
    **dict.fromkeys(_WIDE_OPEN, 0.85),
    **dict.fromkeys(_HALF_OPEN, 0.45),
    **dict.fromkeys(_NARROW, 0.25),
    **dict.fromkeys(_CLOSED, 0.0),
}


@dataclass(frozen=True)
class Opening:
    """The mouth of each frame: opening O and width |L78-L308| / |L33-L263|, at `rate` frames a second."""

    opening: Floats
    width: Floats
    rate: float


@dataclass(frozen=True)
class Sound:
    """Mono samples -1 to 1 at `rate` Hz."""

    samples: Floats
    rate: int


@dataclass(frozen=True)
class Score:
    """The numbers by which lip-sync is judged. NaN where the clip holds nothing to judge them by."""

    lag: int
    """Frames by which the mouth follows the voice's energy at the best correlation."""
    strength: float
    """That correlation."""
    margin: float
    """What it has over the correlation at the same lag with sound rolled by half the clip."""
    fit: float
    """Correlation with the opening that the phonemes ask for."""
    closure: float
    """Share of p, b, m during which the lips meet."""
    false_closure: float
    """Share of open vowels during which the mouth never opens."""
    silence: float
    """Motion in pauses over motion in speech."""
    length: float
    """Video less sound, frames."""

    def failures(self) -> list[str]:
        """The bars this video misses, in words; empty for a good one."""
        bars = {
            f"lag {self.lag} is not 0 or 1": self.lag in (0, 1),
            f"strength {self.strength:.2f} < 0.35": self.strength >= 0.35,
            f"margin {self.margin:.2f} < 0.3": self.margin >= 0.3,
            f"fit {self.fit:.2f} < 0.7": not self.fit < 0.7,
            f"closure {self.closure:.2f} < 0.95": not self.closure < 0.95,
            f"false closure {self.false_closure:.2f} > 0.1": not self.false_closure > 0.1,
            f"silence {self.silence:.2f} > 0.15": not self.silence > 0.15,
            f"length differs by {self.length:.2f} frames": abs(self.length) <= 1,
        }
        return [fault for fault, kept in bars.items() if not kept]


def measure(video: Path, wav: Path, utterances: Iterable[Utterance]) -> Score:
    """Score a finished video against its speech (16-bit WAV) and phoneme timings."""
    return score(openings(video), read_wav(wav), utterances)


def openings(video: Path) -> Opening:
    """Measure the mouth of every frame; ValueError where a frame shows no face."""
    import mediapipe  # only the vision environment has it

    found = []
    capture = cv2.VideoCapture(str(video))
    rate = float(capture.get(cv2.CAP_PROP_FPS))
    view: Floats | None = None
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as mesh:
        for picture in _frames(capture):
            if view is None:
                view = _close_up(_points(mesh, picture, video))
            close = cv2.warpAffine(picture, view, (VIEW, VIEW), flags=cv2.INTER_CUBIC)
            points = _points(mesh, close, video)
            eyes = np.linalg.norm(points[33] - points[263])
            found.append([np.linalg.norm(points[a] - points[b]) / eyes for a, b in ((13, 14), (78, 308))])
    both = np.array(found)
    return Opening(both[:, 0], both[:, 1], rate)


def _points(mesh: Any, picture: Any, video: Path) -> Floats:
    faces = mesh.process(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)).multi_face_landmarks
    if not faces:
        raise ValueError(f"A frame of {video.name} shows no face.")
    size = (picture.shape[1], picture.shape[0])
    points: Floats = np.array([(p.x, p.y) for p in faces[0].landmark], np.float64) * size
    return points


def _close_up(points: Floats) -> Floats:
    """The affine matrix (2, 3) that fills the view with the face of the first frame, for all frames."""
    low, high = points.min(0), points.max(0)
    scale = VIEW / (2.0 * float((high - low).max()))
    shift = VIEW / 2 - scale * (low + high) / 2
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def _frames(capture: Any) -> Iterator[NDArray[np.uint8]]:
    try:
        while True:
            there, picture = capture.read()
            if not there:
                return
            yield picture
    finally:
        capture.release()


def read_wav(path: Path) -> Sound:
    """A 16-bit WAV as mono."""
    with wave.open(str(path)) as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return Sound(data.reshape(-1, file.getnchannels()).mean(1) / 32768, file.getframerate())


def score(mouth: Opening, sound: Sound, utterances: Iterable[Utterance]) -> Score:
    """The numbers for a measured mouth."""
    phones = [phone for utterance in utterances for phone in utterance.phones]
    count = len(mouth.opening)
    energy = _energy(sound, mouth.rate, count)
    lag, strength = _best(mouth.opening, energy)
    by_chance = _at(lag, mouth.opening, np.roll(energy, count // 2))
    closure, false_closure = _closures(mouth, phones)
    return Score(
        lag=lag,
        strength=strength,
        margin=strength - by_chance,
        fit=_correlation(mouth.opening, _expected(phones, mouth.rate, count)),
        closure=closure,
        false_closure=false_closure,
        silence=_silence(mouth, phones, sound),
        length=count - len(sound.samples) / sound.rate * mouth.rate,
    )


def _energy(sound: Sound, rate: float, count: int) -> Floats:
    """Log energy of each frame, smoothed over three; 50 dB below the loudest counts as silence."""
    edges = np.minimum((np.arange(count + 1) / rate * sound.rate).astype(int), len(sound.samples))
    total = np.concatenate([[0.0], np.cumsum(np.square(sound.samples))])
    power = np.diff(total[edges]) / np.maximum(np.diff(edges), 1)
    level = 10 * np.log10(power + 1e-12)
    level = np.maximum(level, level.max() - 50)
    return np.convolve(np.pad(level, 1, mode="edge"), np.ones(3) / 3, "valid")


def _correlation(first: Floats, second: Floats) -> float:
    if first.std() < 1e-9 or second.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _best(opening: Floats, energy: Floats) -> tuple[int, float]:
    found = {lag: _at(lag, opening, energy) for lag in range(-MAX_LAG, MAX_LAG + 1)}
    best = max(found, key=lambda lag: found[lag])
    return best, found[best]


def _at(lag: int, opening: Floats, energy: Floats) -> float:
    """The correlation when the mouth follows the voice by `lag` frames."""
    if lag < 0:
        return _correlation(opening[:lag], energy[-lag:])
    return _correlation(opening[lag:], energy[: len(energy) - lag])


def _letters(symbol: str) -> str:
    return "".join(letter for letter in symbol if letter in _ASKED)


def _expected(phones: list[Phone], rate: float, count: int) -> Floats:
    """The opening that the sounds ask for, 0 to 1, as slow as a jaw (100 ms), for each frame."""
    ticks = np.zeros(int(count / rate * 200) + 1)
    for phone in phones:
        letters = _letters(phone.symbol) or "s"
        edges = np.linspace(phone.start, phone.end, len(letters) + 1) * 200
        for letter, start, end in zip(letters, edges[:-1], edges[1:], strict=True):
            ticks[round(start) : round(end)] = _ASKED.get(letter, OTHERS_ASK)
    kernel = np.hanning(22)[1:-1]
    smooth = np.convolve(ticks, kernel / kernel.sum(), "same")
    middle = (np.arange(count) + 0.5) / rate * 200
    return np.interp(middle, np.arange(len(smooth)) + 0.5, smooth)


def _closures(mouth: Opening, phones: list[Phone]) -> tuple[float, float]:
    """Shares of closures seen among p, b, m, and among open vowels of at least 80 ms."""
    low = float(np.percentile(mouth.opening, 2))
    limit = low + NEAR_CLOSED * (float(np.percentile(mouth.opening, 90)) - low)
    times = (np.arange(len(mouth.opening)) + 0.5) / mouth.rate
    shut, vowels = [], []
    for phone in phones:
        if phone.symbol.strip("ˈˌ")[:1] in _CLOSED:
            seen = mouth.opening[(times >= phone.start - AROUND) & (times <= phone.end + AROUND)]
            shut.append(bool(len(seen)) and seen.min() <= limit)
        elif phone.symbol[:1] in _WIDE_OPEN and phone.end - phone.start >= 0.08:
            seen = mouth.opening[(times >= phone.start) & (times <= phone.end)]
            vowels.append(bool(len(seen)) and seen.max() <= limit)
    return (float(np.mean(values)) if values else float("nan") for values in (shut, vowels))  # type: ignore[return-value]


def _silence(mouth: Opening, phones: list[Phone], sound: Sound) -> float:
    """Standard deviation of O in pauses over that in speech; a pause is where timings and sound are both
    silent.
    """
    count = len(mouth.opening)
    energy = _energy(sound, mouth.rate, count)
    quiet = energy < np.percentile(energy, 95) - 35
    for phone in phones:
        length = min(phone.end - phone.start, 0.12)  # the last sound before a stop is often timed too long
        quiet[int(phone.start * mouth.rate) : int(np.ceil((phone.start + length) * mouth.rate))] = False
    moves, speech = [], ~quiet
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(int)))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if (end - start) / mouth.rate > PAUSE and end - start > 2 * EDGE:
            pause = mouth.opening[start + EDGE : end - EDGE]
            moves.append(np.square(pause - pause.mean()))
    spoken = float(mouth.opening[speech].std())
    if not moves or spoken < 1e-9:
        return float("nan") if not moves else float("inf")
    return float(np.sqrt(np.concatenate(moves).mean())) / spoken


def identity(photo: NDArray[np.uint8], picture: NDArray[np.uint8], ignored: NDArray[np.bool_]) -> float:
    """Mean SSIM (Wang et al. 2004, 11-pixel Gaussian, sigma 1.5) of two BGR pictures, but for `ignored`."""
    first, second = (cv2.cvtColor(p, cv2.COLOR_BGR2GRAY).astype(np.float64) for p in (photo, picture))
    mean1, mean2 = _blurred(first), _blurred(second)
    var1, var2 = _blurred(first**2) - mean1**2, _blurred(second**2) - mean2**2
    both = _blurred(first * second) - mean1 * mean2
    c1, c2 = 6.5025, 58.5225
    values = (2 * mean1 * mean2 + c1) * (2 * both + c2) / ((mean1**2 + mean2**2 + c1) * (var1 + var2 + c2))
    return float(values[~ignored].mean())


def _blurred(values: Floats) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5), np.float64)


def shifted(sound: Sound, utterances: Iterable[Utterance], seconds: float) -> tuple[Sound, list[Utterance]]:
    """The negative control of late sound: sound and timings moved by `seconds`, silence at the front."""
    moved = np.roll(sound.samples, int(seconds * sound.rate))
    moved[: int(seconds * sound.rate)] = 0
    later = [
        Utterance(u.text, u.start + seconds, u.end + seconds,
                  [Phone(p.symbol, p.start + seconds, p.end + seconds) for p in u.phones])
        for u in utterances
    ]  # fmt: skip
    return Sound(moved, sound.rate), later


def frozen(mouth: Opening) -> Opening:
    """The negative control of a mouth that stands still."""
    return Opening(np.full_like(mouth.opening, mouth.opening.mean()), mouth.width, mouth.rate)
