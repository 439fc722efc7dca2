"""Keeps both copies and answers questions about drivers.

Usage: python -m deptrans_consumer HOST:PORT [HOST:PORT ...], then a line `PARK DRIVER [REGION]` for each question, with a token of the service in TOKEN. It answers with a line of JSON,
at once, whatever becomes of the service.
"""

import json
import logging
import sys
import time

from .check import check
from .feed import Feed

# Which tariffs need the checks is the service's configuration; here those of Moscow.
_REGIONS = {"moscow": frozenset({"econom", "business", "comfortplus"})}
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
    for line in sys.stdin:
        park_id, driver_id, *region = line.split()
        verdicts = check(ids, shifts, (park_id, driver_id), _REGIONS, *region)
        age = max(ids.age(), shifts.age())
        told = {**verdicts._asdict(), "allowed": verdicts.allowed, "age_seconds": round(age, 3) if age < float("inf") else None}
        print(json.dumps(told), flush=True)


main()
