"""The policy in force, as it comes among the ids, in the form by which verdict.py judges."""

from typing import Any

from deptrans.v1 import diagnostics_pb2 as diagnostics
from deptrans.v1 import policy_pb2 as pb

from .verdict import EVERYBODY

_CHECKS = {diagnostics.CHECK_DEPTRANS_ID: "deptrans_id", diagnostics.CHECK_SESSION: "session"}
_MODES = {
    diagnostics.ENFORCEMENT_MODE_OFF: "off",
    diagnostics.ENFORCEMENT_MODE_OBSERVE: "observe",
    diagnostics.ENFORCEMENT_MODE_WARN: "warn",
    diagnostics.ENFORCEMENT_MODE_DEPRIORITISE: "deprioritise",
    diagnostics.ENFORCEMENT_MODE_BLOCK: "block",
}
_DEFAULT_MAX_DATA_AGE_MS = 60_000


class PolicyHeld:
    """The newest policy in force: one message, replaced whole. It is kept while nobody can be reached.

    An instance may be behind another, so within one history no version follows a newer one. `message` is None until one has come.
    """

    def __init__(self) -> None:
        self.message: pb.PolicyInForce | None = None
        self.judged_by = policy_dict(pb.PolicyInForce())
        self._epoch = ""

    def take(self, message: pb.PolicyInForce, epoch: str) -> None:
        if self.message is not None and epoch == self._epoch and message.version < self.message.version:
            return
        self.message, self._epoch = message, epoch
        self.judged_by = policy_dict(message)

    def leave_history(self) -> None:
        """The service's history was replaced: whatever comes next is in force, also if its number is smaller."""
        self._epoch = ""


def policy_dict(message: pb.PolicyInForce) -> dict[str, Any]:
    """What a later contract adds and this code does not know is taken for the mildest: an unknown check is nobody's, an unknown mode observes."""
    policy = message.policy
    rules = {region.region: region for region in policy.regions}
    has_age = policy.HasField("max_data_age")
    return {
        "version": message.version,
        "suspended": message.suspended,
        "max_data_age_ms": policy.max_data_age.ToMilliseconds() if has_age else _DEFAULT_MAX_DATA_AGE_MS,
        "regions": [
            {
                "id": region.region,
                "on": region.on,
                "tariffs": list(region.tariffs),
                "stepped_back": region.stepped_back,
                "ends_soon_ms": rules[region.region].ends_soon.ToMilliseconds() if region.region in rules else 0,
                "rules": [_rule(rule) for rule in rules[region.region].rules] if region.region in rules else [],
            }
            for region in message.regions
        ],
    }


def _rule(rule: pb.PolicyRule) -> dict[str, Any]:
    return {
        "check": _CHECKS.get(rule.check),  # one that is unknown keeps its place: places name rules
        "categories": list(rule.categories),
        "mode": _MODES.get(rule.mode, "observe"),
        "from": rule.effective_from.ToMilliseconds() if rule.HasField("effective_from") else 0,
        "share": round(rule.share * EVERYBODY) if rule.HasField("share") else EVERYBODY,
        "include": _population(rule.include),
        "exclude": _population(rule.exclude),
        "grace_ms": rule.grace_after_binding.ToMilliseconds(),
    }


def _population(population: pb.Population) -> dict[str, list[str]]:
    return {"parks": list(population.park_ids), "people": list(population.driver_license_pd_ids)}
