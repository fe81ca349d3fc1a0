"""The wire does not change unseen: every message against bytes that were written down.

After an intended change raise SCHEMA_VERSION and write them anew:
`python -m tests.shared_schema.test_golden_bytes`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from shared_schema import SCHEMA_VERSION, codec, messages
from tests.shared_schema.examples import EXAMPLES

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_message_has_its_golden_bytes(name: str) -> None:
    assert (
        codec.encode(EXAMPLES[name])[0].hex()
        == (GOLDEN / f"v{SCHEMA_VERSION}-{name}.hex").read_text().strip()
    )


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_golden_bytes_are_the_message(name: str) -> None:
    header = bytes.fromhex((GOLDEN / f"v{SCHEMA_VERSION}-{name}.hex").read_text())
    assert codec.decode([header]) == (EXAMPLES[name], [])


def test_every_kind_of_message_has_an_example() -> None:
    assert {type(example) for example in EXAMPLES.values()} == set(messages.KINDS.values())


def test_no_golden_file_is_left_over() -> None:
    expected = {f"v{SCHEMA_VERSION}-{name}.hex" for name in EXAMPLES}
    assert {path.name for path in GOLDEN.iterdir()} == expected


if __name__ == "__main__":
    for stale in GOLDEN.iterdir():
        stale.unlink()
    for key, example in EXAMPLES.items():
        (GOLDEN / f"v{SCHEMA_VERSION}-{key}.hex").write_text(codec.encode(example)[0].hex() + "\n")
