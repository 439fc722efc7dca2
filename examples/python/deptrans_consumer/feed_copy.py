"""What a consumer holds of one stream. No network and no threads: frames go in, records come out."""

from collections.abc import Iterable

from deptrans.v1 import incremental_updates_pb2 as pb

from .digest import Digest, key_hash
from .policy import PolicyHeld

Key = tuple[str, str]


class BrokenPromise(Exception):
    """A frame does not follow on the one before it: leave the stream and resume from the cursor."""


class FeedCopy:
    """One stream's records by (park_id, driver_id).

    `cursor` is where to resume, empty for the whole state. `complete` says that `records` equal a state which the database had; after a reset it
    is false until the snapshot has come. `suspects` are the buckets that differed from the server's at the last digest. `policy` is the one in
    force, which comes with the ids alone and outlives everything else.
    """

    def __init__(self) -> None:
        self.records: dict[Key, object] = {}
        self.cursor = b""
        self.position = 0
        self.complete = False
        self.suspects: list[int] = []
        self.digest = Digest()
        self.policy = PolicyHeld()
        self._epoch = ""
        self._begun = False
        self._provable_from = 0

    def begin_stream(self) -> None:
        """A new stream begins at `cursor`."""
        self._begun = False

    def apply(self, response: pb.WatchIdsResponse | pb.WatchStatusesResponse) -> str | None:
        """Takes one frame in. Returns its kind; None for one that is newer than this program, which is passed over."""
        kind = response.WhichOneof("frame")
        if self._begun == (kind == "hello"):
            raise BrokenPromise("hello is not the first frame, or not the only one")
        self._begun = True
        if kind == "hello":
            self._epoch = response.hello.epoch
        elif kind == "reset":
            if response.reset.reason == pb.Reset.REASON_EPOCH:
                self.policy.leave_history()
            self.drop()
        elif kind == "changes":
            self._change(response.changes)
        elif kind == "snapshot_end":
            self._prove(response.snapshot_end)
        elif kind == "heartbeat":
            self.position = response.heartbeat.through_seq
            self._prove(response.heartbeat)
        elif kind == "go_away":
            self.cursor = response.go_away.cursor
        elif kind == "policy":
            self.policy.take(response.policy, self._epoch)
        return kind

    def drop(self) -> None:
        """Begins anew, with nothing. The dictionary of before is left as it was, for whoever still reads it."""
        self.records = {}
        self.digest = Digest()
        self.cursor = b""
        self.position = 0
        self.complete = False
        self.suspects = []
        self._provable_from = 0

    def repair(self, bucket: int, told: Iterable[object], through: int) -> None:
        """Puts the server's records of a bucket, exact as of `through`, in the place of one's own."""
        live: set[Key] = set()
        for record in told:
            self._put(record, at_least=record.seq)
            if not record.deleted:
                live.add(_key(record))
        for key, record in list(self.records.items()):
            if key not in live and record.seq <= through and key_hash(*key)[0] % 256 == bucket:
                self._forget(key)
        # The stream may still tell what was before `through`; until it has got there, digests prove nothing.
        self._provable_from = max(self._provable_from, through)

    def _change(self, changes: pb.IdChanges | pb.StatusChanges) -> None:
        if changes.prev_seq != self.position:
            raise BrokenPromise(f"the stream goes on from {changes.prev_seq}, the copy is at {self.position}")
        for record in changes.records:
            self._put(record, at_least=record.seq - 1)
        self.position = changes.through_seq
        self.cursor = changes.cursor

    def _put(self, record: object, at_least: int) -> None:
        """Takes a record unless the one that is held has a seq above `at_least`."""
        key = _key(record)
        held = self.records.get(key)
        if held is not None and held.seq > at_least:
            return
        self._forget(key)
        if not record.deleted:
            self.records[key] = record
            self.digest.add(key, record.seq)

    def _forget(self, key: Key) -> None:
        held = self.records.pop(key, None)
        if held is not None:
            self.digest.remove(key, held.seq)

    def _prove(self, frame: pb.SnapshotEnd | pb.Heartbeat) -> None:
        self.cursor = frame.cursor
        self.complete = True
        if frame.HasField("digest") and self.position >= self._provable_from:
            self.suspects = self.digest.differing(frame.digest.sums, frame.digest.counts)


def _key(record: object) -> Key:
    return record.park_id, record.driver_id
