"""One example of every message, every field filled: what the golden bytes were made of."""

from __future__ import annotations

from shared_schema.messages import (
    Artifact,
    Cancel,
    Chunk,
    EngineInfo,
    Failed,
    FileRef,
    Grant,
    Hello,
    Load,
    Loaded,
    Log,
    Memory,
    Message,
    Peaks,
    Ping,
    Pong,
    Precision,
    Profile,
    Progress,
    Refused,
    Release,
    Released,
    ReleaseMode,
    Result,
    Run,
    Shutdown,
    Task,
    Welcome,
)
from shared_schema.stages import (
    Aspect,
    ClipOutcome,
    ClipParams,
    Drawing,
    Drawn,
    Dubbing,
    FaceOutcome,
    FaceParams,
    Finding,
    LipsyncOutcome,
    LipsyncParams,
    Mask,
    Outcome,
    PortraitOutcome,
    PortraitParams,
    Scheduler,
    SpeechOutcome,
    SpeechParams,
    Stage,
    Style,
    TrackOutcome,
    TrackParams,
    Verdict,
)

TEXT = FileRef("input-text", "a" * 64, 12)
WAV = FileRef("speech.wav", "b" * 64, 48044)
NPY = FileRef("frames.npy", "e" * 64, 19_660_928)
MOV = FileRef("input-clip", "f" * 64, 40_000_000)
PNG = FileRef("parts/portrait.png", "c" * 64, 350_000)

HOW = SpeechParams("en-gb", 1.25, "heart", 0.7, stream=True)
DRAW = Drawing(
    "blurry", Style.STUDIO, 30, 6.5, Scheduler.DPMPP_KARRAS, 0.4, 3, 5, "/m/a.safetensors", refine=True,
    lora_scales=[0.8, -1.0], preview=True,
)  # fmt: skip
SPEAK = Task("job1-tts", 1, Stage.SPEECH, "hibari", "/jobs/1", {"text": TEXT}, HOW, 7)
FRAME = Task(
    "job1-portrait",
    2,
    Stage.PORTRAIT,
    "photo",
    "/jobs/1",
    {"photo": PNG},
    PortraitParams(720, Aspect.WIDE, 2, "#00b140", DRAW),
)
MEASURE = Task(
    "job1-face", 1, Stage.FACE, "mediapipe", "/jobs/1", {"portrait": PNG}, FaceParams(None, check=True)
)
FOLLOW = Task(
    "job1-track", 1, Stage.FACE, "mediapipe-track", "/jobs/1", {"frames": NPY},
    TrackParams(30000, 1001, 1, smooth=False),
)  # fmt: skip
READ = Task("job1-clip", 1, Stage.CLIP, "clip", "/jobs/1", {"clip": MOV}, ClipParams(12.5))
DUB = Dubbing("v1", Mask.V15, -7, gate=False, match=False, sharpen=0.5, compat=True)
ANIMATE = Task(
    "job1-lipsync",
    1,
    Stage.LIPSYNC,
    "talking-photo",
    "/jobs/1",
    {"portrait": PNG},
    LipsyncParams(30000, 1001, blink=False, sway=False, stream=True, dubbing=DUB),
    live=["speech"],
)

ENGINE = EngineInfo(
    "xtts", Stage.SPEECH, "2.0", "Speaks.", ready=False, lacks="No weights.", remedy="Fetch them.",
    languages=["en", "de"], needs=["text"], ignores=["photo"], host=Memory(3_000_000_000, 700_000_000),
    gpu=Memory(2_500_000_000, 450_000_000), gpu_by_parts=Memory(1_500_000_000, 450_000_000),
    streams=True,
)  # fmt: skip


def result(task: Task, outcome: Outcome) -> Result:
    return Result(
        task.id, task.attempt, [Artifact("speech", WAV)], outcome, {"loading": 0.5}, Peaks(1000, 2000)
    )


EXAMPLES: dict[str, Message] = {
    "hello": Hello("tts", "t0", 4242, 5, "3.11.7", "d" * 64, "cpu", [ENGINE]),
    "welcome": Welcome(5, "DEBUG", Profile("8 GB", Precision.FP16, 4, tiling=True, by_parts=True)),
    "refused": Refused("Schema 6 is not schema 5."),
    "load": Load("hibari"),
    "loaded": Loaded("hibari", 1.5),
    "run-speech": Run(SPEAK),
    "run-portrait": Run(FRAME),
    "run-face": Run(MEASURE),
    "run-track": Run(FOLLOW),
    "run-clip": Run(READ),
    "run-lipsync": Run(ANIMATE),
    "cancel": Cancel("job1-tts", 1),
    "progress": Progress("job1-tts", 1, "speaking", 3, 10, 4.25),
    "progress-endless": Progress("job1-tts", 1, "loading", 0, 0, None),
    "chunk": Chunk("job1-tts", 1, "speech", 5, last=True),
    "result-speech": result(SPEAK, SpeechOutcome(24000, 24000, 2, "heart", "en", ["Speak up."])),
    "result-portrait": result(
        FRAME,
        PortraitOutcome(
            1280, 720, "your photo", 81.5, ["Step closer."], [Drawn(7, 81.5), Drawn(8, 0.0, ["None."])]
        ),
    ),
    "result-face": result(
        MEASURE,
        FaceOutcome(
            (1.0, 2.0, 101.5, 102.25),
            -3.5,
            1,
            4.25,
            -1.5,
            63.0,
            [Finding("mouth", Verdict.POOR, "It is open.")],
        ),
    ),
    "result-track": result(FOLLOW, TrackOutcome(250, 240, 2)),
    "result-clip": result(READ, ClipOutcome(300, 10.01, 1920, 1080, 30000, 1001)),
    "result-lipsync": result(ANIMATE, LipsyncOutcome(250, 10.0, 512, 512, "phonemes", 12)),
    "failed": Failed("job1-tts", 1, "bad-text", "The text is empty.", "Write some.", "Traceback …"),
    "grant": Grant(3, "GPU-0f", 8_000_000_000),
    "release": Release(3, ReleaseMode.OFFLOAD),
    "released": Released(3, 6_900_000_000, 500_000_000),
    "ping": Ping(9),
    "pong": Pong(9, "running", 123),
    "log": Log("WARNING", "engine.xtts", "Slow."),
    "shutdown": Shutdown(2.5),
}
