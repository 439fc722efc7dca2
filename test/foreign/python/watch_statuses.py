"""A consumer that nobody here wrote the library of: watches statuses over gRPC and keeps the map of sessions.

Usage: watch_statuses.py ADDRESS. Prints `watching` when the snapshot is complete. A line with a number on standard input names the seq to
stop at: then the map is printed as one line of JSON and the process ends.
"""

import json
import sys
import threading

import grpc
from deptrans.v1 import incremental_updates_pb2, incremental_updates_pb2_grpc

target = None


def read_target():
    global target
    line = sys.stdin.readline()
    target = int(line) if line.strip() else 0


def apply(copy, record):
    key = f"{record.park_id}/{record.driver_id}"
    if record.deleted:
        copy.pop(key, None)
        return
    copy[key] = {
        "session_status": record.session_status,
        "updated_at": record.updated_at.ToMicroseconds(),
        "ended_at": record.ended_at.ToMicroseconds() if record.HasField("ended_at") else None,
        "region": record.region,
        "seq": record.seq,
    }


def main():
    threading.Thread(target=read_target, daemon=True).start()
    copy = {}
    with grpc.insecure_channel(sys.argv[1], options=[("grpc.max_receive_message_length", 16 << 20)]) as channel:
        stub = incremental_updates_pb2_grpc.IncrementalUpdatesServiceStub(channel)
        for frame in stub.WatchStatuses(incremental_updates_pb2.WatchStatusesRequest()):
            kind = frame.WhichOneof("frame")
            through = 0
            if kind == "reset":
                copy.clear()
            elif kind == "snapshot_end":
                print("watching", flush=True)
            elif kind == "changes":
                for record in frame.changes.records:
                    apply(copy, record)
                through = frame.changes.through_seq
            elif kind == "heartbeat":
                through = frame.heartbeat.through_seq
            if target is not None and through >= target:
                print(json.dumps(copy), flush=True)
                return


main()
