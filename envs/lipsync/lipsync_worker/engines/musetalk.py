"""musetalk: the mouth painted anew in each frame by MuseTalk, after what Whisper's encoder hears."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

from lipsync_worker.engines.base import NeuralEngine
from lipsync_worker.models import FACE_PARSER, MUSETALK, VAE, WHISPER
from shared_schema.engine import Availability, Context
from shared_schema.errors import EngineUnavailable, InputError
from shared_schema.fetched import with_weights
from shared_schema.messages import Memory, Task
from shared_schema.packages import availability_of, version_with
from shared_schema.stages import LipsyncParams, Mask
from shared_schema.weights import find, read_record

if TYPE_CHECKING:
    from lipsync_worker.arrays import Floats
    from lipsync_worker.dubbing import References
    from lipsync_worker.face_box import Box
    from lipsync_worker.footage import BoxOf
    from lipsync_worker.musetalk.audio import WhisperEars
    from lipsync_worker.musetalk.generator import Generator
    from lipsync_worker.musetalk.latents import Latents
    from lipsync_worker.musetalk.model import Network
    from lipsync_worker.paste import Parser

__all__ = ["MuseTalk"]

# ruff: noqa: PLC0415 - its imports take seconds, and only a task of its own needs them

PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "av", "numpy", "opencv-python-headless")

CONTEXT = 600_000_000
ACTIVATIONS = 200_000_000  # bytes a face in a batch, reckoned: the decoder's widest layers in fp16, and room
WEIGHTS = 1_900_000_000


class MuseTalk(NeuralEngine):
    """MuseTalk v1.5, or v1."""

    name: ClassVar[str] = "musetalk"
    version: ClassVar[str] = version_with("1", PACKAGES)
    summary: ClassVar[str] = "MuseTalk: the mouth of a photo or a video painted anew; for a GPU with 6 GB"
    # Reckoned: without a GPU 3.8 GB of weights in fp32, the file that they are read from, and activations. On
    # one 1.9 GB of weights, 0.2 GB for each of eight faces at once, CUDA's context.
    host: ClassVar[Memory] = Memory(peak=9_000_000_000, context=1_500_000_000)
    gpu: ClassVar[Memory | None] = Memory(peak=WEIGHTS + 8 * ACTIVATIONS + CONTEXT, context=CONTEXT)

    def __init__(self) -> None:
        self._network: Network | None = None
        self._generator: Generator | None = None

    @classmethod
    def availability(cls) -> Availability:
        """Ready where packages and the weights of one version are."""
        installed = availability_of(PACKAGES, "lipsync", "--neural")
        musetalk = next((name for name in MUSETALK.values() if find(name)), MUSETALK["v1.5"])
        needed = (musetalk, VAE, WHISPER)
        return with_weights(installed, *sorted(needed, key=lambda name: find(name) is not None))

    @property
    def network(self) -> Network:
        """The nets that were read. EngineUnavailable where none were."""
        if self._network is None:
            raise self.not_loaded()
        return self._network

    def load(self) -> None:
        """Read the best version that is there: a task may name the other."""
        self._read(_best())

    def prepare(self, params: LipsyncParams, context: Context) -> None:
        """Read another version where one is asked for, and bring the nets to the device."""
        dubbing = params.dubbing
        if dubbing.version and dubbing.version not in MUSETALK:
            raise InputError(f"There is no MuseTalk {dubbing.version}.", f"There are {', '.join(MUSETALK)}.")
        version = dubbing.version or _best()
        if version != self.network.version:
            context.progress(f"reading {MUSETALK[version]}", 0)
            self._read(version)
        if dubbing.shift and version != "v1":
            raise InputError("Only MuseTalk v1 has a shift.", "Leave it out, or ask for v1.")
        if self.network.moves_for(context.number_format, context.device):
            self._let_go()
        self.network.convert(context.number_format)
        self.network.use(context.device)

    def box_of(self, params: LipsyncParams) -> BoxOf:
        """From nose and chin."""
        from lipsync_worker.face_box import musetalk_box

        version, shift = self.network.version, params.dubbing.shift

        def box(points: Floats, size: tuple[int, int]) -> Box:
            return musetalk_box(points, size, version, shift)

        return box

    def ears(self, params: LipsyncParams, rate: Fraction, *, live: bool) -> WhisperEars:
        """Whisper's encoder."""
        from lipsync_worker.musetalk.audio import WhisperEars

        return WhisperEars(self.network, rate, live=live, compat=params.dubbing.compat)

    def at_work(self, task: Task, params: LipsyncParams, context: Context) -> tuple[Generator, Latents]:
        """A generator, with as large a batch as the profile and the budget allow."""
        from lipsync_worker.musetalk.generator import Generator
        from lipsync_worker.musetalk.latents import Latents

        batch = context.profile.batch
        if context.budget:
            batch = max(min(batch, (context.budget - WEIGHTS - CONTEXT) // ACTIVATIONS), 1)
        if params.dubbing.compat:
            self._let_go()
            self._generator = Generator(self.network, batch=batch, seed=task.seed)
            return self._generator, Latents(None, self.network.device)
        if self._generator is None or self._generator.is_drawing:
            self._let_go()
            self._generator = Generator(self.network, batch=batch)
        self._generator.batch = batch  # a task before may have had less memory
        return self._generator, Latents(self._key(task, params, context), self.network.device)

    def parser(self, params: LipsyncParams, context: Context) -> Parser | None:
        """The published code's own, for `compat`, where its weights are."""
        folder = find(FACE_PARSER)
        if folder is None or not params.dubbing.compat or params.dubbing.mask is Mask.LANDMARKS:
            return None
        from lipsync_worker.parser.parse import load

        parser = load(folder, params.dubbing.mask.value)
        parser.net.to(context.device)  # for this task alone
        return parser

    def done(self, references: References) -> None:
        """Keep the latents."""
        from lipsync_worker.musetalk.latents import Latents

        if isinstance(references, Latents):
            references.keep()

    def offload(self) -> None:
        """Leave the device."""
        self._let_go()
        if self._network is not None:
            self._network.leave()

    def unload(self) -> None:
        """Forget the weights, wherever they are."""
        self._let_go()
        if self._network is not None:
            self._network.drop()
        self._network = None

    def _let_go(self) -> None:
        """Forget what was recorded of the weights where they are: it is of no use where they go."""
        if self._generator is not None:
            self._generator.give_back()
        self._generator = None

    def _read(self, version: str) -> None:
        from lipsync_worker.musetalk.model import Folders, load
        from lipsync_worker.rendering import usual_format

        names = (MUSETALK[version], VAE, WHISPER)
        folders = [find(name) for name in names]
        for name, folder in zip(names, folders, strict=True):
            if folder is None:
                raise EngineUnavailable(
                    f"The weights {name} are not on this machine.", f"Run `avatar models fetch {name}`."
                )
        self.unload()
        self._network = load(Folders(version, *filter(None, folders)), usual_format())

    def _key(self, task: Task, params: LipsyncParams, context: Context) -> str:
        """What decides the latents of this task's faces."""
        from lipsync_worker.musetalk.latents import key_of

        folders = self.network.folders
        weights = [read_record(folder) for folder in (folders.musetalk, folders.vae)]
        faces = [
            task.inputs[role].sha256 for role in ("portrait", "face", "clip", "track") if role in task.inputs
        ]
        digests = [file.sha256 for record in weights for _, file in sorted(record.files.items())]
        return key_of([*faces, *digests, folders.version, str(params.dubbing.shift), context.number_format])


def _best() -> str:
    """The best version that is on this machine; the best of all where none is."""
    return next((version for version, name in MUSETALK.items() if find(name)), "v1.5")
