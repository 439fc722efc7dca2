"""What a policy says of a driver and an order: docs/enforcement.md in code. Facts, policies and orders are plain dicts, as in verdict/vectors.json."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .digest import murmur3

MODES = ("off", "observe", "warn", "deprioritise", "block")
EVERYBODY = 10_000

_OVER = {"finished", "finalized", "canceled"}
_UNKNOWN = {
    "profile_unknown",
    "person_unknown",
    "session_state_unknown",
    "data_too_old",
    "id_recheck",
    "suspended",
    "check_failed",
}
_PASS = {"ok", "not_required", "session_ends_soon"}
_TIMELESS = {"not_required", "profile_unknown", "person_unknown", "data_too_old", "suspended", "check_failed"}


class Verdict(NamedTuple):
    outcome: str
    reason: str
    mode: str
    rule: int
    since: int | None = None
    until: int | None = None


class Judgement(NamedTuple):
    allowed: bool
    region: str
    version: int
    deptrans_id: Verdict
    session: Verdict


def judge(facts: dict[str, Any] | None, order: dict, policy: dict, now: int, age_ms: float) -> Judgement:
    """Both verdicts. `facts` None: nobody knows the profile. Times in milliseconds since 1970."""
    version = policy["version"]
    if policy["suspended"]:
        return _both("suspended", "off", version)
    if age_ms > policy["max_data_age_ms"]:
        return _both("data_too_old", "observe", version)
    if facts is None:
        return _both("profile_unknown", "observe", version)
    name = order["region"] or facts["region"]
    region = next((one for one in policy["regions"] if one["id"] == name and one["on"]), None)
    if region is None:
        return _both("not_required", "off", version)
    verdicts = [_judge_check(check, facts, order["categories"], region, now) for check in ("deptrans_id", "session")]
    allowed = not any(verdict.outcome == "fail" and verdict.mode == "block" for verdict in verdicts)
    return Judgement(allowed, name, version, *verdicts)


def share_of(person: str) -> int:
    """Where a person stands in a roll-out: a rule with the share n takes those below n."""
    return murmur3(person.encode(), 0) % EVERYBODY


def _judge_check(check: str, facts: dict, categories: Sequence[str], region: dict, now: int) -> Verdict:
    # An order without categories may be of any tariff that is listed; one with none of the listed requires nothing.
    asked = [name for name in region["tariffs"] if not categories or name in categories]
    if categories and not asked:
        return _verdict("not_required", "observe", -1)
    rule = _strictest(check, facts, asked, region, now)
    mode = "observe" if rule == -1 else region["rules"][rule]["mode"]
    if mode == "off":
        return _verdict("not_required", mode, rule)
    if region["stepped_back"] and MODES.index(mode) > MODES.index("warn"):
        mode = "warn"
    if not facts["person"]:
        return _verdict("person_unknown", mode, rule)
    if check == "deptrans_id":
        return _verdict(_id_reason(facts), mode, rule, facts["binding_updated_at"])
    reason = _session_reason(facts, region["ends_soon_ms"], now)
    ended_by_the_clock = reason == "session_ended" and facts["session"] not in _OVER
    since = facts["session_ended_at"] if ended_by_the_clock else facts["session_updated_at"]
    return _verdict(reason, mode, rule, since, facts["session_ended_at"] if reason in _PASS else None)


def _strictest(check: str, facts: dict, asked: Sequence[str], region: dict, now: int) -> int:
    """The place of the rule that decides; -1 where having no rule is as strict.

    Each tariff has the first rule that applies; of several tariffs the strictest mode counts, and of equal modes the earliest tariff's.
    """
    own = [rule for rule in region["rules"] if rule["check"] == check]
    if all(not rule["categories"] for rule in own):
        return next(_applying(check, None, facts, region, now), -1)
    found, level = -1, -1
    for tariff in asked:
        rule = next(_applying(check, tariff, facts, region, now), -1)
        its = MODES.index("observe" if rule == -1 else region["rules"][rule]["mode"])
        if its > level:
            found, level = rule, its
    return found


def _applying(check: str, tariff: str | None, facts: dict, region: dict, now: int) -> Iterator[int]:
    for place, rule in enumerate(region["rules"]):
        right_tariff = not rule["categories"] or tariff in rule["categories"]
        if rule["check"] == check and right_tariff and _applies(rule, facts, now):
            yield place


def _applies(rule: dict, facts: dict, now: int) -> bool:
    if rule["from"] > now or _is_member(rule["exclude"], facts):
        return False
    in_share = rule["share"] >= EVERYBODY or (facts["person"] != "" and share_of(facts["person"]) < rule["share"])
    if not in_share and not _is_member(rule["include"], facts):
        return False
    bound_at = facts["binding_updated_at"]
    has_grace = rule["grace_ms"] > 0 and facts["binding"] == "bound" and bound_at is not None
    return not (has_grace and now < bound_at + rule["grace_ms"])


def _is_member(population: dict, facts: dict) -> bool:
    return facts["park_id"] in population["parks"] or (facts["person"] != "" and facts["person"] in population["people"])


def _id_reason(facts: dict) -> str:
    return {"unbound": "no_id", "bound": "ok", "recheck": "id_recheck", "rejected": "id_rejected"}[facts["binding"]]


def _session_reason(facts: dict, ends_soon_ms: int, now: int) -> str:
    reason = _shift_reason(facts["session"], facts["session_ended_at"], ends_soon_ms, now)
    # While the id is checked again after a change of licence, a missing shift is no violation.
    return "id_recheck" if facts["binding"] == "recheck" and reason in ("no_session", "session_ended") else reason


def _shift_reason(status: str | None, ends: int | None, ends_soon_ms: int, now: int) -> str:
    if status is None:
        return "no_session"
    if status in _OVER:
        return "session_ended"
    if status == "unrecognised":
        return "session_state_unknown"
    if ends is not None and ends <= now:
        return "session_ended"
    if status == "issued":
        return "session_state_unknown"
    return "session_ends_soon" if ends is not None and ends <= now + ends_soon_ms else "ok"


def _verdict(reason: str, mode: str, rule: int, since: int | None = None, until: int | None = None) -> Verdict:
    outcome = "pass" if reason in _PASS else "unknown" if reason in _UNKNOWN else "fail"
    return Verdict(outcome, reason, mode, rule, None if reason in _TIMELESS else since, until)


def _both(reason: str, mode: str, version: int) -> Judgement:
    verdict = _verdict(reason, mode, -1)
    return Judgement(True, "", version, verdict, verdict)
