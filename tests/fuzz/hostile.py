"""Bytes that nobody should send: random ones, valid ones with something broken, and what breaks parsers."""

from collections.abc import Sequence

from hypothesis import strategies as st

TOKENS = (
    *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e400", b"1e-400", b"-0", b"9" * 30, b"-" + b"9" * 5000),
    *(
        b'"\\ud800"',
        b'"\\u0000"',
        b"\xff\xfe",
        b"\xc3",
        b"\x00",
        b"\xef\xbb\xbf",
        b"null",
        b"true",
        b'"v":2,',
        b'"v":99',
    ),
    *(b"[", b"]", b"{", b"}", b'"', b",", b":", b"\\", b"/", b"\n"),
    *(b"\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xc1"),
    *(b"\xff" * 8, b"\x00" * 16, b"\x01\x00\x00\x41" + b"\x01\x00\x00\x00" * 65),
)
OPENINGS = (b"[", b'{"a":', b"\x91", b"\x81\xa1a", b"a.", b'{"user":', b"[{")

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
"""JSON values, also those that JSON has no words for."""


def hostile(samples: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Bytes for a decoder that takes these samples."""
    nested = st.builds(
        lambda opening, depth: opening * depth, st.sampled_from(OPENINGS), st.sampled_from([9, 999, 30_000])
    )
    return st.one_of(mutated(samples), st.binary(max_size=300), nested)


@st.composite
def mutated(draw: st.DrawFn, samples: Sequence[bytes]) -> bytes:
    """A sample after some accidents; now and then none."""
    data = draw(st.sampled_from(list(samples)))
    for _ in range(draw(st.integers(0, 3))):
        begin, end = sorted(draw(st.tuples(st.integers(0, len(data)), st.integers(0, len(data)))))
        match draw(st.sampled_from(["cut", "lose", "repeat", "token", "byte", "splice"])):
            case "cut":
                data = data[:end]
            case "lose":
                data = data[:begin] + data[end:]
            case "repeat":
                data = data[:end] + data[begin:end] * draw(st.integers(1, 20)) + data[end:]
            case "token":
                data = data[:begin] + draw(st.sampled_from(TOKENS)) + data[draw(st.sampled_from([begin, end])) :]
            case "byte":
                data = data[:begin] + draw(st.binary(min_size=1, max_size=1)) + data[begin + 1 :]
            case "splice":
                other = draw(st.sampled_from(list(samples)))
                data = data[:begin] + other[draw(st.integers(0, len(other))) :]
    return data


def large(size: int) -> dict[str, bytes]:
    """Records of about this size that are cheap to write and dear to read, by name."""

    def filled(opening: bytes, one: bytes, closing: bytes) -> bytes:
        return opening + one * ((size - len(opening) - len(closing)) // len(one)) + closing

    keys = b",".join(b'"%d":1' % number for number in range(size // 10))
    return {
        "ones": filled(b"[", b"1,", b"1]"),
        "empty lists": filled(b"[", b"[],", b"1]"),
        "empty objects": filled(b"[", b"{},", b"1]"),
        "NaN": filled(b"[", b"NaN,", b"1]"),
        "lists, then NaN": filled(b"[", b"[],", b"NaN]"),
        "keys": b"{" + keys + b"}",
        "features": b'{"item_id":"i","features":{' + keys + b"}}",
        "attributes": filled(b'{"item_id":"i","attributes":{"a":[', b"[],", b"1]}}"),
        "nested": filled(b"", b"[", b""),
        "nested objects": filled(b"", b'{"a":', b""),
        "digits": filled(b'{"user_id":', b"1", b"}"),
        "decimals": filled(b'{"labels":{"click":0.', b"1", b"}}"),
        "escapes": filled(b'{"user_id":"', b"\\u00fc", b'"}'),
        "spaces": filled(b"", b" ", b"1"),
        "msgpack": filled(b"\x9b\x01", b"\x91", b""),
        "zeros": bytes(size),
    }
