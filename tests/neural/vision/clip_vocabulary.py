"""Writes a vocabulary of single bytes in the four files of a published CLIP tokenizer.

By hand: today's transformers would save another file, which the published folders lack.
"""

from __future__ import annotations

import json
from pathlib import Path

from transformers.convert_slow_tokenizer import bytes_to_unicode

__all__ = ["BEGIN", "END", "SIZE", "write"]

BEGIN, END = "<|startoftext|>", "<|endoftext|>"

SIZE = 2 * 256 + 2
"""Each byte within a word and at its end, and the two special tokens."""


def write(folder: Path, pad: str, first_special: int = SIZE - 2) -> Path:
    """Write the files into `folder`, which must not exist. The special tokens begin at `first_special`.

    SDXL's first tokenizer pads with `END`, the second with "!".
    """
    folder.mkdir(parents=True)
    letters = sorted(bytes_to_unicode().values())
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    vocabulary = {word: number for number, word in enumerate(words)}
    vocabulary |= {BEGIN: first_special, END: first_special + 1}
    _write_json(folder / "vocab.json", vocabulary)
    (folder / "merges.txt").write_text("#version: 0.2\n")
    special: dict[str, str | dict[str, object]] = {
        "bos_token": _token(BEGIN),
        "eos_token": _token(END),
        "pad_token": pad,
        "unk_token": _token(END),
    }
    _write_json(folder / "special_tokens_map.json", special)
    settings: dict[str, object] = {
        name: token if isinstance(token, str) else {"__type": "AddedToken", **token}
        for name, token in special.items()
    }
    settings |= {
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": True,
        "do_lower_case": True,
        "errors": "replace",
        "model_max_length": 77,
        "tokenizer_class": "CLIPTokenizer",
    }
    _write_json(folder / "tokenizer_config.json", settings)
    return folder


def _token(content: str) -> dict[str, object]:
    return {"content": content, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}


def _write_json(path: Path, content: object) -> None:
    path.write_text(
        json.dumps(content, indent=2, sort_keys=path.name != "vocab.json", ensure_ascii=False) + "\n"
    )
