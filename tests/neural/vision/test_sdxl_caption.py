"""What a drawn PNG says of itself is what viewers of such pictures read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL.PngImagePlugin import PngImageFile

from shared_schema.engine import Context
from shared_schema.mesh import POINT_COUNT
from shared_schema.messages import Task
from shared_schema.stages import PortraitParams, Scheduler, Stage
from vision_worker.face import Face
from vision_worker.portrait import Framed, write_portrait
from vision_worker.sdxl.caption import caption
from vision_worker.sdxl.painting import Plan
from vision_worker.sdxl.words import Words

GREY = np.full((64, 64, 3), 7, np.uint8)
FACE = Face(np.zeros((POINT_COUNT, 3)))


def plan(**changes: object) -> Plan:
    words = Words("an old fisherman, 50: mm", "hats, caps")
    settings = {
        "words": words, "width": 1344, "height": 768, "steps": 30, "guidance": 6.5,
        "scheduler": Scheduler.DPMPP_KARRAS,
    }  # fmt: skip
    return Plan(**(settings | changes))  # type: ignore[arg-type]


def read_back(parameters: str) -> tuple[str, str, dict[str, str]]:
    """Prompt, negative prompt and settings, as AUTOMATIC1111's web UI reads its own text."""
    *lines, last = parameters.strip().split("\n")
    found = re.findall(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)', last)
    assert len(found) >= 3, "it would take the last line for words"
    prompt, negative, into_negative = "", "", False
    for line in lines:
        into_negative |= line.startswith("Negative prompt:")
        if into_negative:
            negative += line.removeprefix("Negative prompt:").strip()
        else:
            prompt += line
    settings = {name: json.loads(value) if value.startswith('"') else value for name, value in found}
    return prompt, negative, settings


def test_a_viewer_reads_all_that_is_needed_to_draw_it_again() -> None:
    prompt, negative, settings = read_back(caption(plan(), 2**63 - 1, "sdxl-base", [])["parameters"])
    assert (prompt, negative) == ("an old fisherman, 50: mm", "hats, caps")
    assert settings == {
        "Steps": "30",
        "Sampler": "dpm++-karras",
        "CFG scale": "6.5",
        "Seed": "9223372036854775807",
        "Size": "1344x768",
        "Model": "sdxl-base",
    }


@pytest.mark.parametrize(
    "name", ["a, Seed: 5", "a: b", 'the "best", one', "back\\slash, and more", "Füchse, 狐"]
)
def test_a_checkpoint_s_name_stays_in_its_field(name: str) -> None:
    _, _, settings = read_back(caption(plan(), 1, name, [])["parameters"])
    assert (settings["Model"], settings["Seed"]) == (name, "1")


def test_without_a_negative_prompt_there_is_no_line_for_it() -> None:
    text = caption(plan(words=Words("x", "")), 1, "sdxl-base", [])["parameters"]
    assert text.splitlines()[0] == "x"
    assert "Negative" not in text
    assert len(text.splitlines()) == 2


def test_what_was_used_besides_is_told() -> None:
    wish = plan(photo=GREY, strength=0.35, refine=True)
    _, _, settings = read_back(caption(wish, 1, "own", [("ab" * 32, 1.0), ("cd" * 32, -0.5)])["parameters"])
    assert settings["Denoising strength"] == "0.35"
    assert settings["Refiner"] == "SDXL refiner"
    assert settings["Lora hashes"] == "abababababab*1 cdcdcdcdcdcd*-0.5"


@pytest.mark.parametrize("prompt", ["an old fisherman", "ein Füchslein", "狐 🦊"])
def test_the_words_come_back_out_of_the_file(tmp_path: Path, prompt: str) -> None:
    text = caption(plan(words=Words(prompt, "hats")), 1, "sdxl-base", [])
    task = Task("test", 1, Stage.PORTRAIT, "sdxl", str(tmp_path), {}, PortraitParams())
    context = Context(task)
    write_portrait(Framed(GREY, FACE), context, text=text)
    with PngImageFile(tmp_path / "portrait.png") as image:
        assert image.text == text
        assert read_back(image.text["parameters"])[0] == prompt
        assert np.array_equal(np.asarray(image), GREY)
