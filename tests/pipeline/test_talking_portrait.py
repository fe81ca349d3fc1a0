"""The whole way on the sample: the file, what it reports, and whether the lips follow the words."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import wave
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.conftest import PATIENCE, ROOT, VISION_PYTHON, Home, Talk

PROBE = """
import json, sys, av
with av.open(sys.argv[1]) as file:
    video, sound = file.streams.video[0], file.streams.audio[0]
    print(json.dumps({
        "codecs": [video.codec.canonical_name, sound.codec.canonical_name],
        "pixels": [video.width, video.height, video.pix_fmt],
        "rate": [video.average_rate.numerator, video.average_rate.denominator],
        "frames": video.frames,
        "seconds": [float(stream.duration * stream.time_base) for stream in (video, sound)],
        "decoded": sum(1 for _ in file.decode(video)),
    }))
"""


def probe(video: Path) -> dict[str, Any]:
    """What another reader finds in the file."""
    python = ROOT / "envs/lipsync/.venv/bin/python"
    found = subprocess.run(
        [python, "-c", PROBE, video], check=True, capture_output=True, text=True, timeout=PATIENCE
    )
    answer: dict[str, Any] = json.loads(found.stdout)
    return answer


@pytest.fixture(scope="module")
def verdicts(home: Home, talk: Talk, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The judge's scores for the sample's video and its negative controls."""
    folder = tmp_path_factory.mktemp("other")
    text = "Nobody here remembers the winter, but everyone keeps asking about it again and again. " * 3
    other = home.run("stage", "tts", "--text", text, "-o", folder / "o.wav", "--timings", folder / "o.jsonl")
    assert other.returncode == 0, other.stderr
    files = [talk.video, talk.speech, talk.timings, folder / "o.wav", folder / "o.jsonl"]
    judged = subprocess.run(
        [VISION_PYTHON, "-m", "tests.support.judge", *files],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    answer: dict[str, Any] = json.loads(judged.stdout)
    return answer


def test_the_lips_follow_the_words(verdicts: dict[str, Any]) -> None:
    score, failures = verdicts["as made"]
    assert failures == [], score
    assert not any(math.isnan(figure) for figure in score.values()), "something was not judged"


@pytest.mark.parametrize(
    ("control", "bar"),
    [
        ("sound 200 ms late", "lag"),
        ("another clip's sound", "fit"),
        ("a frozen mouth", "strength"),
    ],
)
def test_the_judge_is_not_deceived(verdicts: dict[str, Any], control: str, bar: str) -> None:
    score, failures = verdicts[control]
    assert any(failure.startswith(bar) for failure in failures), score


def test_the_file_is_what_players_expect(talk: Talk) -> None:
    found = probe(talk.video)
    assert found["codecs"] == ["h264", "aac"]
    assert found["pixels"] == [512, 512, "yuv420p"]
    assert found["rate"] == [25, 1]
    assert found["frames"] == found["decoded"]
    data = talk.video.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat"), "not ready for fast start"


def test_video_and_sound_have_the_speech_s_length(talk: Talk) -> None:
    with wave.open(str(talk.speech)) as speech:
        spoken = speech.getnframes() / speech.getframerate()
    for seconds in probe(talk.video)["seconds"]:
        assert abs(seconds - spoken) <= 1 / 25 + 0.025  # a frame, and an AAC packet's padding
    assert 6 < spoken < 20


def test_the_report_names_each_stage_its_engine_and_time(talk: Talk) -> None:
    stages: Any = talk.report["stages"]
    assert [(stage["stage"], stage["engine"]) for stage in stages] == [
        ("tts", "hibari"), ("portrait", "sample"), ("lipsync", "talking-photo"),
    ]  # fmt: skip
    assert all(stage["seconds"] > 0 and stage["why"] for stage in stages)
    assert stages[-1]["outcome"]["driver"] == "phonemes"
    assert talk.report["output"] == str(talk.video)


def test_the_same_seed_gives_the_same_file(home: Home, talk: Talk, tmp_path: Path) -> None:
    again = home.run("run", "-o", tmp_path / "again.mp4", "--json")
    assert again.returncode == 0, again.stderr
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (talk.video, tmp_path / "again.mp4")]
    assert digests[0] == digests[1]


def test_own_text_photo_and_voice_in_another_shape_and_rate(
    home: Home, talk: Talk, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "talk.txt").write_text("Good morning. This is a test — 3.5 % of it, Dr. Who!")
    made = home.run(
        "run", "--text-file", tmp_path / "talk.txt", "--portrait", pictures / "turned.jpg",
        "--voice", talk.speech,
        "--aspect", "9:16", "--size", "256", "--fps", "29.97", "-o", tmp_path / "v.mp4",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    found = probe(tmp_path / "v.mp4")
    assert found["pixels"][:2] == [256, 456]
    assert found["rate"] == [30000, 1001]
    assert "matched to your recording" in made.stdout
    assert made.stdout.splitlines()[-1] == str(tmp_path / "v.mp4")
    assert "portrait  photo" in made.stderr


def test_text_can_come_from_standard_input(home: Home, tmp_path: Path) -> None:
    made = home.run("stage", "tts", "--text-file", "-", "-o", tmp_path / "a.wav", stdin="Hello from a pipe.")
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "a.wav").stat().st_size > 24000


def test_force_overwrites(home: Home, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"old")
    made = home.run("stage", "tts", "--text", "New.", "-o", tmp_path / "a.wav", "--force")
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RIFF"
