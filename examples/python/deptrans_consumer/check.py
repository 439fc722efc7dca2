"""May this driver take the order? Answered from memory, as the service's DiagnosticsService does."""

from collections.abc import Mapping, Sequence
from time import time
from typing import NamedTuple

from deptrans.v1 import driver_id_pb2, records_pb2

from .feed import Feed
from .feed_copy import Key


class Verdict(NamedTuple):
    """PASS, FAIL or UNKNOWN, and the contract's VerdictReason. Unknown is not a violation and never blocks."""

    outcome: str
    reason: str | None = None


class Verdicts(NamedTuple):
    deptrans_id: Verdict
    session: Verdict

    @property
    def allowed(self) -> bool:
        return "FAIL" not in (self.deptrans_id.outcome, self.session.outcome)


_PASS = Verdict("PASS")
_ID_STATES = {
    driver_id_pb2.DriverId.STATE_NOT_BOUND: Verdict("FAIL", "NO_ID"),
    driver_id_pb2.DriverId.STATE_BOUND: _PASS,
    driver_id_pb2.DriverId.STATE_RECHECK_NEEDED: Verdict("UNKNOWN", "ID_RECHECK"),
    driver_id_pb2.DriverId.STATE_REJECTED: Verdict("FAIL", "ID_REJECTED"),
    driver_id_pb2.DriverId.STATE_UNSPECIFIED: Verdict("FAIL", "NO_ID"),
}
_OVER = {records_pb2.SESSION_STATUS_FINISHED, records_pb2.SESSION_STATUS_FINALIZED, records_pb2.SESSION_STATUS_CANCELED}
_BEGUN = {records_pb2.SESSION_STATUS_ISSUED, records_pb2.SESSION_STATUS_ONLINE}


def check(
    ids: Feed,
    shifts: Feed,
    driver: Key,
    regions: Mapping[str, frozenset[str]],
    region: str | None = None,
    categories: Sequence[str] = (),
    max_age: float = 60.0,
) -> Verdicts:
    """Both checks of a profile (park_id, driver_id).

    `regions`: the tariffs that need the checks, for each region that is on. Without `region`, the one in which the shift was last judged; without
    `categories`, any listed tariff. Facts older than `max_age` seconds say nothing.
    """
    if max(ids.age(), shifts.age()) > max_age:
        return _both("UNKNOWN", "DATA_TOO_OLD")
    identity = ids.records.get(driver)
    shift = shifts.records.get(driver)
    if identity is None:
        return _both("UNKNOWN", "PROFILE_UNKNOWN")
    tariffs = regions.get(region or (shift.region if shift else ""))
    if tariffs is None or (categories and tariffs.isdisjoint(categories)):
        return _both("PASS", "NOT_REQUIRED")
    if not identity.driver_license_pd_id:
        return _both("UNKNOWN", "PERSON_UNKNOWN")
    state = _ID_STATES.get(identity.state, Verdict("UNKNOWN", "ID_RECHECK"))
    return Verdicts(state, _judge_session(shift))


def _judge_session(shift) -> Verdict:
    if shift is None:
        return Verdict("FAIL", "NO_SESSION")
    status = shift.session_status
    # No record follows at the moment of the end: it is for us to look at the clock.
    over = shift.HasField("ended_at") and shift.ended_at.ToMicroseconds() <= time() * 1e6
    if status in _OVER:
        return Verdict("FAIL", "SESSION_ENDED")
    if over and status in _BEGUN:
        return Verdict("FAIL", "SESSION_ENDED")
    # Neither a word that nobody knows nor a shift that was issued and not yet begun speaks against the driver.
    return _PASS if status == records_pb2.SESSION_STATUS_ONLINE else Verdict("UNKNOWN", "SESSION_STATE_UNKNOWN")


def _both(outcome: str, reason: str) -> Verdicts:
    return Verdicts(Verdict(outcome, reason), Verdict(outcome, reason))
