"""What is said to SDXL: the user's prompt, and what a style adds so that the face can be lip-synced.

A face can be animated well that looks into the camera, is evenly lit, whole, and has its mouth closed. None
of that is in a prompt like "an old fisherman", and by themselves models like to draw smiles and profiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from shared_schema.errors import TextError
from shared_schema.stages import Style

__all__ = ["MAX_PROMPT", "Words", "left_out", "words"]

MAX_PROMPT: Final = 2000
"""Characters of a prompt; the text encoders read 75 tokens, which are some 300."""

_FIT: Final = (
    "head and shoulders, facing the camera, looking at the viewer, neutral expression, mouth closed,"
    " even soft light"
)
_UNFIT: Final = (
    "open mouth, teeth, smile, profile, side view, looking away, tilted head, hand on face, mask, sunglasses,"
    " several people, cropped head, blurry, text, watermark"
)
_STYLES: Final[dict[Style, tuple[str, str]]] = {
    Style.PORTRAIT: (f"portrait photo, {_FIT}, sharp focus", _UNFIT),
    Style.STUDIO: (f"studio portrait photo, {_FIT}, plain grey backdrop, softbox, 85mm, sharp focus", _UNFIT),
    Style.NATURAL: (f"portrait photo outdoors, {_FIT}, overcast daylight, blurred background", _UNFIT),
    Style.PAINTED: (f"oil painting portrait, {_FIT}, fine brushwork", f"{_UNFIT}, frame"),
    Style.NONE: ("", ""),
}


@dataclass(frozen=True)
class Words:
    """The whole prompt and what not to draw."""

    prompt: str
    negative: str


def words(prompt: str, negative: str, style: Style) -> Words:
    """The prompt with what its style adds. TextError where it is empty or too long."""
    prompt = " ".join(prompt.split())
    if not prompt:
        raise TextError("The prompt is empty.", "Say who shall be drawn: --prompt 'an old fisherman'.")
    for text, noun in ((prompt, "prompt"), (negative, "negative prompt")):
        if len(text) > MAX_PROMPT:
            raise TextError(f"The {noun} has {len(text):,} characters; at most {MAX_PROMPT:,} are taken.")
    added, avoided = _STYLES[style]
    return Words(
        ", ".join(part for part in (prompt, added) if part),
        ", ".join(part for part in (" ".join(negative.split()), avoided) if part),
    )


def left_out(text: str, tokenizer: Any) -> str:
    """What of a text the encoder does not read any more, "" where it reads all."""
    ids = tokenizer(text, add_special_tokens=False).input_ids
    room = tokenizer.model_max_length - 2  # for the start and the end
    return str(tokenizer.decode(ids[room:])).strip() if len(ids) > room else ""
