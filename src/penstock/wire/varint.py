"""Whole numbers as protobuf writes them: seven bits a byte, the lowest first, the top bit where more follow. Pure.

Source: Protocol Buffers, *Encoding*: Base 128 Varints. A negative number is written as its two's complement of 64 bits.
"""

from __future__ import annotations

LONGEST = 10
"""Bytes of a number of 64 bits."""
SMALL = [bytes((number,)) for number in range(128)]
"""Those of one byte, by the number."""


def varint(number: int) -> bytes:
    """``number`` as it is written."""
    if 0 <= number < 128:
        return SMALL[number]
    number &= (1 << 64) - 1
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at ``at``, and where it ends. Raises ValueError for one that does not end."""
    number = 0
    for place, byte in enumerate(data[at : at + LONGEST]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    raise ValueError("a number is cut short" if len(data) - at < LONGEST else "a number does not end")
