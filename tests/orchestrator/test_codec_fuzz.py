"""Whatever bytes arrive, decoding gives a message or a ProtocolError; nothing else, and no hang."""

from __future__ import annotations

from typing import Any

import msgpack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared_schema import SCHEMA_VERSION, codec
from shared_schema.errors import ProtocolError
from shared_schema.messages import KINDS
from tests.shared_schema.examples import EXAMPLES

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=9)
    | st.binary()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=5),
)
# The machines are shared: how long an example takes says nothing. The database would outlive the test.
steady = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])

FIELDS = sorted({field for kind in KINDS.values() for field in kind.__struct_fields__})


def decode(frame: bytes) -> None:
    try:
        message, bulk = codec.decode([frame])
    except ProtocolError:
        return
    assert type(message) in KINDS.values()
    assert bulk == []


@steady
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    decode(data)


@steady
@given(st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(FIELDS), values, max_size=6))
def test_any_body_of_any_kind(kind: str, body: dict[str, Any]) -> None:
    decode(msgpack.packb([kind, SCHEMA_VERSION, body]))


@steady
@given(st.sampled_from(sorted(EXAMPLES)), st.data())
def test_any_change_of_a_byte(name: str, data: st.DataObject) -> None:
    frame = bytearray(codec.encode(EXAMPLES[name])[0])
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] = data.draw(st.integers(0, 255))
    decode(bytes(frame))


@steady
@given(st.sampled_from(sorted(EXAMPLES)))
def test_what_is_encoded_is_decoded(name: str) -> None:
    assert codec.decode(codec.encode(EXAMPLES[name])) == (EXAMPLES[name], [])
