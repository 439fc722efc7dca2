"""May this driver take the order? Answered from memory by the policy in force, as the service's DiagnosticsService does."""

from collections.abc import Sequence
from time import time
from typing import Any

from deptrans.v1 import driver_id_pb2, records_pb2

from .feed import Feed
from .feed_copy import Key
from .verdict import Judgement, judge

_STATES = {
    driver_id_pb2.DriverId.STATE_NOT_BOUND: "unbound",
    driver_id_pb2.DriverId.STATE_BOUND: "bound",
    driver_id_pb2.DriverId.STATE_RECHECK_NEEDED: "recheck",
    driver_id_pb2.DriverId.STATE_REJECTED: "rejected",
}
_STATUSES = {
    records_pb2.SESSION_STATUS_ISSUED: "issued",
    records_pb2.SESSION_STATUS_ONLINE: "online",
    records_pb2.SESSION_STATUS_FINISHED: "finished",
    records_pb2.SESSION_STATUS_FINALIZED: "finalized",
    records_pb2.SESSION_STATUS_CANCELED: "canceled",
}


class Checks:
    """The checks over both copies. `suspended`: the switch of one's own, which turns them off at once."""

    def __init__(self, ids: Feed, shifts: Feed) -> None:
        self.suspended = False
        self._ids = ids
        self._shifts = shifts

    def age(self) -> float:
        """The answers are by facts at most this many seconds old; infinite before both copies are whole."""
        return max(self._ids.age(), self._shifts.age())

    def check(self, driver: Key, region: str = "", categories: Sequence[str] = ()) -> Judgement:
        """Both checks of a profile (park_id, driver_id). Never waits and never fails.

        Without `region`, the one in which the shift was last judged; without `categories`, any listed tariff. `allowed` is false only if a check
        fails where the policy says `block`: unknown is not a violation.
        """
        order = {"region": region, "categories": list(categories)}
        policy = self._ids.policy.judged_by  # read once: a policy is replaced whole, maybe while we judge
        if self.suspended:
            policy = {**policy, "suspended": True}
        return judge(self._facts(driver), order, policy, int(time() * 1_000), self.age() * 1_000)

    def _facts(self, driver: Key) -> dict[str, Any] | None:
        identity = self._ids.records.get(driver)
        if identity is None:
            return None
        shift = self._shifts.records.get(driver)
        return {
            "park_id": driver[0],
            "person": identity.driver_license_pd_id,
            "binding": _binding_of(identity),
            "binding_updated_at": _ms(identity, "updated_at"),
            # A word that nobody knows yet is no violation.
            "session": _STATUSES.get(shift.session_status, "unrecognised") if shift else None,
            "session_updated_at": _ms(shift, "updated_at") if shift else None,
            "session_ended_at": _ms(shift, "ended_at") if shift else None,
            "region": shift.region if shift else "",
        }


def _binding_of(identity: records_pb2.DriverIdRecord) -> str:
    if identity.state == driver_id_pb2.DriverId.STATE_UNSPECIFIED:  # a service of before `state`
        return "bound" if identity.bound else "unbound"
    return _STATES.get(identity.state, "recheck")


def _ms(record: Any, field: str) -> int | None:
    return getattr(record, field).ToMilliseconds() if record.HasField(field) else None
