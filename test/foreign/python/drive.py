"""Runs the example consumer as a test wants: a command per line on standard input, a line of JSON for each on standard output.

Usage: drive.py ENDPOINT [ENDPOINT ...]. Both streams are followed from the first line on. Commands:

  dump STREAM SEQ     the records, as soon as everything through SEQ has come
  whole               true, as soon as both copies are
  lose STREAM         takes a record out and puts an older version in the place of another, as a fault would; the keys
  repaired STREAM     the buckets repaired, as soon as there is one and a heartbeat has proved the copy since
  modes STREAM        how each connection began
  check PARK DRIVER [REGION [TARIFF ...]]   both verdicts
  policy VERSION      true, as soon as it judges by that version
  suspend | resume    the consumer's own switch
  aged SECONDS        true, as soon as both copies are older
"""

import json
import sys
import time

from deptrans_consumer.check import Checks
from deptrans_consumer.feed import Feed

FEEDS = {stream: Feed(stream, sys.argv[1:]) for stream in ("ids", "statuses")}
CHECKS = Checks(FEEDS["ids"], FEEDS["statuses"])
MAX_AGE = 5.0


def until(holds):
    while not holds():
        time.sleep(0.01)


def plain(record):
    fields = {"seq": record.seq, "updated_at": record.updated_at.ToMicroseconds()}
    if record.DESCRIPTOR.name == "DriverIdRecord":
        return {**fields, "bound": record.bound, "deptrans_id": record.deptrans_id, "state": record.state}
    ended_at = record.ended_at.ToMicroseconds() if record.HasField("ended_at") else None
    return {**fields, "session_status": record.session_status, "ended_at": ended_at, "region": record.region}


def dump(stream, seq):
    feed = FEEDS[stream]
    until(lambda: feed.copy.complete and feed.copy.position >= int(seq))
    return {f"{park_id}/{driver_id}": plain(record) for (park_id, driver_id), record in feed.records.items()}


def lose(stream):
    copy = FEEDS[stream].copy
    lost, aged = sorted(copy.records)[:2]
    copy.digest.remove(lost, copy.records.pop(lost).seq)
    held = copy.records[aged]
    copy.digest.remove(aged, held.seq)
    older = type(held).FromString(held.SerializeToString())
    older.seq -= 1
    copy.records[aged] = older
    copy.digest.add(aged, older.seq)
    return ["/".join(lost), "/".join(aged)]


def repaired(stream):
    feed = FEEDS[stream]
    until(lambda: feed.repairs > 0)
    since = feed._fresh_at
    until(lambda: feed._fresh_at > since)
    return feed.repairs


def whole():
    until(lambda: all(feed.age() < MAX_AGE for feed in FEEDS.values()))
    return True


def checked(park_id, driver_id, region="", *categories):
    judged = CHECKS.check((park_id, driver_id), region, categories)
    return {**judged._asdict(), "deptrans_id": judged.deptrans_id._asdict(), "session": judged.session._asdict()}


def policy(version):
    until(lambda: CHECKS.check(("", "")).version == int(version))
    return True


def suspend(suspended):
    CHECKS.suspended = suspended
    return suspended


def aged(seconds):
    until(lambda: all(feed.age() > float(seconds) for feed in FEEDS.values()))
    return True


COMMANDS = {
    "dump": dump,
    "whole": whole,
    "lose": lose,
    "repaired": repaired,
    "modes": lambda stream: FEEDS[stream].modes,
    "check": checked,
    "policy": policy,
    "suspend": lambda: suspend(True),
    "resume": lambda: suspend(False),
    "aged": aged,
}

for each in FEEDS.values():
    each.start()
for line in sys.stdin:
    command, *arguments = line.split()
    print(json.dumps(COMMANDS[command](*arguments)), flush=True)
