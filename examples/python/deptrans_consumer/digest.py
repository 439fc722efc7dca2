"""The checksum with which a consumer proves its copy: 256 buckets over (key, seq)."""

from collections.abc import Iterable
from struct import pack, unpack

BUCKETS = 256
_SEEDS = (0, 0x9747B28C)
_MASK32 = 0xFFFFFFFF
_MASK64 = 0xFFFFFFFFFFFFFFFF


def murmur3(data: bytes, seed: int) -> int:
    """MurmurHash3_x86_32, unsigned."""
    h = seed
    whole = len(data) & ~3
    for word in _words(data[:whole]):
        h = _rotate(h ^ _scramble(word), 13)
        h = (h * 5 + 0xE6546B64) & _MASK32
    h ^= _scramble(int.from_bytes(data[whole:], "little")) ^ len(data)
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & _MASK32
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & _MASK32
    return h ^ (h >> 16)


def key_hash(park_id: str, driver_id: str) -> tuple[int, int]:
    """The two lanes of a key's hash, lo and hi."""
    key = f"{park_id}\0{driver_id}".encode()
    return murmur3(key, _SEEDS[0]), murmur3(key, _SEEDS[1])


def digest_item(lo: int, hi: int, seq: int) -> int:
    """What one version of a record adds to the sum of bucket `lo % 256`."""
    version = pack("<IIQ", lo, hi, seq)
    return murmur3(version, _SEEDS[0]) | murmur3(version, _SEEDS[1]) << 32


class Digest:
    """Sums and counts of the live records, kept up with each change."""

    def __init__(self) -> None:
        self._sums = [0] * BUCKETS
        self._counts = [0] * BUCKETS

    def add(self, key: tuple[str, str], seq: int) -> None:
        self._change(key, seq, 1)

    def remove(self, key: tuple[str, str], seq: int) -> None:
        self._change(key, seq, -1)

    def differing(self, sums: bytes, counts: bytes) -> list[int]:
        """The buckets that are not as the server says."""
        told = zip(unpack("<256Q", sums), unpack("<256I", counts), strict=True)
        own = zip(self._sums, self._counts, strict=True)
        return [bucket for bucket, pair in enumerate(zip(told, own, strict=True)) if pair[0] != pair[1]]

    def filled(self) -> list[tuple[int, int, int]]:
        """Bucket, count and sum of each bucket that is not empty."""
        pairs = zip(self._counts, self._sums, strict=True)
        return [(bucket, count, total) for bucket, (count, total) in enumerate(pairs) if count > 0]

    def _change(self, key: tuple[str, str], seq: int, sign: int) -> None:
        lo, hi = key_hash(*key)
        bucket = lo % BUCKETS
        self._sums[bucket] = (self._sums[bucket] + sign * digest_item(lo, hi, seq)) & _MASK64
        self._counts[bucket] += sign


def _words(data: bytes) -> Iterable[int]:
    return (int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4))


def _scramble(word: int) -> int:
    return (_rotate((word * 0xCC9E2D51) & _MASK32, 15) * 0x1B873593) & _MASK32


def _rotate(word: int, by: int) -> int:
    return (word << by | word >> (32 - by)) & _MASK32
