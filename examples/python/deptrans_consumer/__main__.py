"""Keeps both copies and answers questions about drivers.

Usage: python -m deptrans_consumer HOST:PORT [HOST:PORT ...], then a line `PARK DRIVER [REGION [TARIFF ...]]` for each question, with a token of the service in TOKEN. It answers with a line of JSON,
at once, whatever becomes of the service.
"""

import json
import logging
import sys
import time

from .check import Checks
from .feed import Feed

_START_SECONDS = 30.0


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    ids, shifts = (Feed(stream, sys.argv[1:]) for stream in ("ids", "statuses"))
    for feed in (ids, shifts):
        feed.start()
    patience = time.monotonic() + _START_SECONDS
    while not (ids.copy.complete and shifts.copy.complete) and time.monotonic() < patience:
        time.sleep(0.05)
    print(f"{len(ids.records)} ids, {len(shifts.records)} shifts", flush=True)
    checks = Checks(ids, shifts)
    for line in sys.stdin:
        park_id, driver_id, region, *categories = [*line.split(), ""]
        judged = checks.check((park_id, driver_id), region, [name for name in categories if name])
        age = checks.age()
        told = {"deptrans_id": judged.deptrans_id._asdict(), "session": judged.session._asdict()}
        told |= {"allowed": judged.allowed, "region": judged.region, "policy_version": judged.version}
        print(json.dumps(told | {"age_seconds": round(age, 3) if age < float("inf") else None}), flush=True)


main()
