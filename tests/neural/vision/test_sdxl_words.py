"""A prompt gets what a face needs to be lip-synced, and is refused where it is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import CLIPTokenizer

from shared_schema.errors import TextError
from shared_schema.stages import Style
from tests.neural.vision import clip_vocabulary
from vision_worker.sdxl.words import MAX_PROMPT, left_out, words

ADDING = [style for style in Style if style is not Style.NONE]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One token a letter."""
    folder = clip_vocabulary.write(tmp_path_factory.mktemp("words") / "tokenizer", clip_vocabulary.END)
    return CLIPTokenizer.from_pretrained(Path(folder), local_files_only=True)


@pytest.mark.parametrize("style", ADDING)
def test_each_style_asks_for_a_closed_mouth_and_a_face_to_the_camera(style: Style) -> None:
    said = words("an old fisherman", "hats", style)
    assert said.prompt.startswith("an old fisherman, ")
    for part in ("mouth closed", "facing the camera", "looking at the viewer", "neutral expression"):
        assert part in said.prompt.split(", "), part
    assert said.negative.startswith("hats, ")
    for part in ("open mouth", "teeth", "smile", "profile", "several people"):
        assert part in said.negative.split(", "), part


def test_the_styles_differ() -> None:
    assert len({words("x", "", style).prompt for style in Style}) == len(Style)


def test_without_a_style_nothing_is_added() -> None:
    said = words("an old fisherman", "hats", Style.NONE)
    assert (said.prompt, said.negative) == ("an old fisherman", "hats")
    assert words("an old fisherman", "", Style.NONE).negative == ""


@pytest.mark.parametrize("style", ADDING)
def test_without_a_negative_prompt_the_style_s_begins_with_a_word(style: Style) -> None:
    assert words("x", " ", style).negative.startswith("open mouth")


def test_line_ends_and_runs_of_spaces_are_one_space() -> None:
    said = words(" an\told\r\n  fisherman\n", "hats,\n caps ", Style.NONE)
    assert (said.prompt, said.negative) == ("an old fisherman", "hats, caps")


@pytest.mark.parametrize("prompt", ["", " \n\t", "\u3000"])
def test_an_empty_prompt_is_refused(prompt: str) -> None:
    with pytest.raises(TextError, match="prompt is empty") as caught:
        words(prompt, "", Style.PORTRAIT)
    assert "--prompt" in caught.value.hint


def test_a_prompt_may_be_as_long_as_the_bound_and_no_longer() -> None:
    longest = "x" * MAX_PROMPT
    assert words(longest, longest, Style.NONE).prompt == longest
    with pytest.raises(TextError, match=r"^The prompt has 2,001 characters; at most 2,000 are taken"):
        words(longest + "x", "", Style.NONE)
    with pytest.raises(TextError, match=r"^The negative prompt has 2,001 characters"):
        words("x", longest + "x", Style.NONE)


def test_what_the_encoder_reads_is_not_left_out(tokenizer: Any) -> None:
    assert left_out("", tokenizer) == ""
    assert left_out("x" * 75, tokenizer) == ""
    assert len(tokenizer("x" * 75).input_ids) == tokenizer.model_max_length


def test_what_the_encoder_does_not_read_is_told(tokenizer: Any) -> None:
    assert left_out("x" * 75 + "y", tokenizer) == "y"
    assert left_out("x" * 75 + " with a hat", tokenizer) == "with a hat"
