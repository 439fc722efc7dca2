"""Follows one stream of the service, on a thread of its own, for as long as the process lives."""

import logging
import os
import random
import threading
from collections.abc import Sequence
from time import monotonic

import grpc
from deptrans.v1 import incremental_updates_pb2 as pb
from deptrans.v1 import incremental_updates_pb2_grpc as pb_grpc

from .feed_copy import BrokenPromise, FeedCopy, Key
from .refusal import reason_of, retry_after

_log = logging.getLogger(__name__)

_CHANNEL = [
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.http2.lookahead_bytes", 4 << 20),  # with the usual 64 KiB a snapshot takes twice as long
]
_HELLO_WITHIN = 10.0
_HEARTBEATS_MISSED = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_REPAIR_TIMEOUT = 10.0
_REPAIR_PAGE = 5_000
_MOST_REPAIRS = 16


def _credentials() -> list[tuple[str, str]]:
    """The token in TOKEN. In production: one that is renewed in time."""
    token = os.environ.get("TOKEN")
    return [("authorization", f"Bearer {token}")] if token else []


class Feed:
    """An exact copy of one stream, `ids` or `statuses`.

    `records` is safe to read from any thread, never waits and never fails; `age()` says what it is worth. After a reset it stays what it was
    until the new copy is whole. `policy` is the one in force, if the stream is `ids`. `modes`, `repairs` and `refused` are for those who want to know how it went.
    """

    def __init__(self, stream: str, endpoints: Sequence[str], regions: Sequence[str] = ()) -> None:
        self.copy = FeedCopy()
        self.policy = self.copy.policy
        self.records: dict[Key, object] = {}
        self.modes: list[str] = []
        self.repairs = 0
        self.refused: str | None = None
        self._stream = stream
        self._endpoints = list(endpoints)
        self._regions = list(regions)
        self._fresh_at = float("-inf")
        self._call: grpc.Call | None = None
        self._alive_until = float("inf")
        self._failures = 0
        self._silence = _HELLO_WITHIN
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._run, self._watch_silence)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._call is not None:
            self._call.cancel()

    def age(self) -> float:
        """`records` equal the database as it was at most this many seconds ago; infinite before the first copy is whole."""
        return monotonic() - self._fresh_at

    def _run(self) -> None:
        turn = random.randrange(len(self._endpoints))
        while not self._stopping.is_set():
            pause = self._follow(self._endpoints[turn % len(self._endpoints)])
            turn += 1
            self._stopping.wait(pause)

    def _follow(self, endpoint: str) -> float:
        """Follows one instance until the stream ends. Returns how long to wait before the next is tried, in seconds."""
        sent_away: float | None = None
        with grpc.insecure_channel(endpoint, options=_CHANNEL) as channel:
            stub = pb_grpc.IncrementalUpdatesServiceStub(channel)
            try:
                for response in self._open(stub):
                    if self.copy.apply(response) == "go_away":
                        sent_away = response.go_away.reconnect_after_ms / 1_000
                    self._take_note(response)
                    self._repair(stub)
            except grpc.RpcError as error:
                told = self._judge(error)
                return sent_away if sent_away is not None else told
            except BrokenPromise:
                _log.exception("the stream is not as promised")
            finally:
                self._alive_until = float("inf")
                self._call.cancel()
        return self._next_pause()

    def _open(self, stub: pb_grpc.IncrementalUpdatesServiceStub) -> grpc.Call:
        self.copy.begin_stream()
        self._alive_until = monotonic() + _HELLO_WITHIN
        if self._stream == "ids":
            self._call = stub.WatchIds(pb.WatchIdsRequest(cursor=self.copy.cursor), metadata=_credentials())
        else:
            asked = pb.WatchStatusesRequest(cursor=self.copy.cursor, regions=self._regions)
            self._call = stub.WatchStatuses(asked, metadata=_credentials())
        return self._call

    def _take_note(self, response: pb.WatchIdsResponse | pb.WatchStatusesResponse) -> None:
        if response.HasField("hello"):
            self._silence = _HEARTBEATS_MISSED * response.hello.heartbeat_interval_ms / 1_000
            self.modes.append(pb.Hello.Mode.Name(response.hello.mode))
        self._alive_until = monotonic() + self._silence
        if not self.copy.complete:
            return
        self.records = self.copy.records
        # A copy that could not be proved does not get younger.
        if response.HasField("heartbeat") and not self.copy.suspects:
            self._fresh_at = monotonic() - response.heartbeat.source_age_ms / 1_000
            self._failures = 0

    def _repair(self, stub: pb_grpc.IncrementalUpdatesServiceStub) -> None:
        """Loads the buckets that differ anew; if they are many, everything."""
        suspects, self.copy.suspects = self.copy.suspects, []
        if len(suspects) > _MOST_REPAIRS:
            self.copy.drop()
            raise BrokenPromise(f"{len(suspects)} buckets differ")
        for bucket in suspects:
            _log.warning("bucket %d of %s differs and is loaded anew", bucket, self._stream)
            self._repair_bucket(stub, bucket)
            self.repairs += 1

    def _repair_bucket(self, stub: pb_grpc.IncrementalUpdatesServiceStub, bucket: int) -> None:
        told: list[object] = []
        cursor = b""
        while True:
            page = self._list(stub, cursor, bucket)
            self._alive_until = monotonic() + _REPAIR_TIMEOUT + self._silence
            if page.reset:
                told.clear()
            told.extend(page.ids if self._stream == "ids" else page.statuses)
            if not page.has_more:
                break
            cursor = page.cursor
        if page.through_seq == 0:
            self.copy.drop()
            raise BrokenPromise("a bucket differs, and this instance is too old to repair it")
        self.copy.repair(bucket, told, page.through_seq)

    def _list(self, stub: pb_grpc.IncrementalUpdatesServiceStub, cursor: bytes, bucket: int):
        asked = {"cursor": cursor, "bucket": bucket, "limit": _REPAIR_PAGE}
        if self._stream == "ids":
            return stub.ListIdUpdates(pb.ListIdUpdatesRequest(**asked), timeout=_REPAIR_TIMEOUT, metadata=_credentials())
        asked["regions"] = self._regions
        return stub.ListStatusUpdates(pb.ListStatusUpdatesRequest(**asked), timeout=_REPAIR_TIMEOUT, metadata=_credentials())

    def _judge(self, error: grpc.RpcError) -> float:
        reason = reason_of(error)
        _log.info("the stream of %s ended: %s %s", self._stream, error.code().name, reason)
        if reason == "CURSOR_MALFORMED":
            self.copy.drop()
        if reason == "FILTER_UNKNOWN":
            self.refused = reason  # no time will mend it: it is for people
        told = retry_after(error)
        return told if told is not None else self._next_pause()

    def _next_pause(self) -> float:
        self._failures += 1
        return random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self._failures))

    def _watch_silence(self) -> None:
        while not self._stopping.wait(0.1):
            if monotonic() > self._alive_until and self._call is not None:
                self._call.cancel()
