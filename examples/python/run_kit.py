"""Replays the recorded histories of consumer/kit and compares the copy after every frame.

Usage: run_kit.py FOLDER. Prints a line per history; the exit code is 1 if one of them differs.
"""

import json
import sys
from pathlib import Path

from deptrans.v1 import incremental_updates_pb2 as pb
from google.protobuf.json_format import MessageToDict

from deptrans_consumer.digest import digest_item, key_hash, murmur3
from deptrans_consumer.feed_copy import FeedCopy

_MESSAGES = {"ids": pb.WatchIdsResponse, "statuses": pb.WatchStatusesResponse}


class Differs(Exception):
    """The copy is not what the kit says."""


def main() -> int:
    folder = Path(sys.argv[1])
    failures = 0
    for name, run in [("vectors", run_vectors)] + [(path.stem, replay) for path in sorted(folder.glob("*.frames"))]:
        try:
            print(f"{name}: {run(folder, name)} ok")
        except Differs as difference:
            failures += 1
            print(f"{name}: {difference}")
    return 1 if failures else 0


def run_vectors(folder: Path, name: str) -> int:
    vectors = json.loads((folder / f"{name}.json").read_text())
    for vector in vectors["murmur3_x86_32"]:
        expect(vector, murmur3(vector["text"].encode(), int(vector["seed"], 16)), int(vector["hash"], 16))
    for vector in vectors["records"]:
        lo, hi = key_hash(vector["park_id"], vector["driver_id"])
        expect(vector, (lo, hi, lo % 256), (int(vector["lo"], 16), int(vector["hi"], 16), vector["bucket"]))
        expect(vector, digest_item(lo, hi, int(vector["seq"])), int(vector["item"], 16))
    return len(vectors["murmur3_x86_32"]) + len(vectors["records"])


def replay(folder: Path, name: str) -> int:
    history = json.loads((folder / f"{name}.json").read_text())
    frames = iter(read_frames(folder / f"{name}.frames"))
    copy = FeedCopy()
    told = 0
    for connection in history["connections"]:
        expect("the cursor to connect with", copy.cursor.hex(), connection["cursor"])
        copy.begin_stream()
        for said in connection["frames"]:
            told += 1
            expected = history["copies"][said["copy"]]
            kind = copy.apply(_MESSAGES[history["stream"]].FromString(next(frames)))
            what = f"frame {told}, {said['kind']}"
            expect(f"{what}: kind", kind, said["kind"])
            expect(f"{what}: rows", rows_of(copy, history["columns"]), sorted(expected["rows"]))
            digest = [[bucket, count, f"{total:016x}"] for bucket, count, total in copy.digest.filled()]
            expect(f"{what}: digest", digest, expected["digest"])
            expect(f"{what}: suspects", copy.suspects, [])
            expect(f"{what}: complete", copy.complete, said["complete"])
            expect(f"{what}: cursor", copy.cursor.hex(), said["cursor"])
            held = copy.policy.message
            policy = history["policies"][said["policy"]] if "policy" in said else None
            expect(f"{what}: policy", MessageToDict(held) if held is not None else None, policy)
    expect("frames that are left", sum(1 for _ in frames), 0)
    return told


def read_frames(path: Path) -> list[bytes]:
    data = path.read_bytes()
    frames = []
    at = 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        frames.append(data[at + 4 : end])
        at = end
    return frames


def rows_of(copy: FeedCopy, columns: list[str]) -> list[list]:
    return sorted([value_of(record, column) for column in columns] for record in copy.records.values())


def value_of(record: object, column: str) -> object:
    if not column.endswith("_us"):
        return getattr(record, column)
    field = column.removesuffix("_us")
    return getattr(record, field).ToMicroseconds() if record.HasField(field) else None


def expect(what: object, got: object, wanted: object) -> None:
    if got != wanted:
        raise Differs(f"{what}: {got} instead of {wanted}")


if __name__ == "__main__":
    sys.exit(main())
