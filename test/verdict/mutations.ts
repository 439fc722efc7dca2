/** A line of the verdict, and one like it that is wrong. The vectors must tell the difference. */
export type VerdictMutation = {
  readonly wrong: string;
  readonly file: string;
  readonly text: string;
  readonly replacement: string;
};

function at(file: string, wrong: string, text: string, replacement: string): VerdictMutation {
  return { file, wrong, text, replacement };
}

const FACTS = 'judge-facts.ts';
const RULES = 'rules.ts';
const VERDICT = 'verdict.ts';

export const verdictMutations: readonly VerdictMutation[] = [
  at(FACTS, 'no id passes', "return 'no_id';", "return 'ok';"),
  at(FACTS, 'an id that was taken back passes', "return 'id_rejected';", "return 'ok';"),
  at(
    FACTS,
    'an id that is checked again fails',
    "case 'recheck':\n      return 'id_recheck';",
    "case 'recheck':\n      return 'no_id';",
  ),
  at(FACTS, 'a missing shift fails while the id is checked again', "state === 'recheck' && isOut", 'false'),
  at(
    FACTS,
    'a running shift is in doubt while the id is checked again',
    "state === 'recheck' && isOut",
    "state === 'recheck'",
  ),
  at(FACTS, 'a shift is on at the moment of its end', 'endedAt <= now', 'endedAt < now'),
  at(FACTS, 'soon begins a moment late', '<= endsSoonMs', '< endsSoonMs'),
  at(FACTS, 'an end is never soon', "? 'ending' : 'running'", "? 'running' : 'running'"),
  at(
    FACTS,
    'a word nobody knows fails',
    "return 'session_state_unknown';\n    case 'issued'",
    "return 'no_session';\n    case 'issued'",
  ),
  at(FACTS, 'an issued shift passes', ": 'session_state_unknown';\n    case 'online'", ": 'ok';\n    case 'online'"),
  at(
    FACTS,
    'an issued shift never ends',
    "return phase === 'over' ? 'session_ended' : 'session_state_unknown'",
    "return 'session_state_unknown'",
  ),
  at(
    FACTS,
    'a shift that was canceled is on',
    "    case 'canceled':\n      return 'session_ended';",
    "      return 'session_ended';\n    case 'canceled':\n      return 'ok';",
  ),
  at(RULES, 'a rule applies a moment late', 'rule.from > now', 'rule.from >= now'),
  at(RULES, 'a rule applies before its time', "if (rule.from > now) return 'not_yet';", ''),
  at(RULES, 'nobody is excluded', "if (isMember(exclude, facts)) return 'excluded';", ''),
  at(RULES, 'nobody is included', 'isMember(include, facts) ||', ''),
  at(RULES, 'one more than the share', 'facts.share < rule.share', 'facts.share <= rule.share'),
  at(RULES, 'whoever is not on record has a share', 'rule.share > 0 && facts.hasPerson &&', 'rule.share > 0 &&'),
  at(RULES, 'a grace lasts a moment longer', 'boundAt + graceMs > now', 'boundAt + graceMs >= now'),
  at(RULES, 'no grace is a grace of nothing', 'graceMs > 0 && ', ''),
  at(RULES, 'the id that was taken back has a grace', "facts.binding === 'bound' && ", ''),
  at(RULES, 'parks are in no population', 'parks.size > 0 && parks.has(facts.parkId)', 'false'),
  at(RULES, 'people are in no population', 'people.size > 0 && facts.hasPerson && people.has(facts.person)', 'false'),
  at(RULES, 'the last rule wins', 'for (const rule of rules) if', 'for (const rule of [...rules].reverse()) if'),
  at(RULES, 'rules of a tariff are for all', 'of.length === 0 || of.includes(name)', 'true'),
  at(RULES, 'stepping back makes everything a warning', 'Math.min(level, WARN)', 'WARN'),
  at(RULES, 'stepping back does nothing', 'isSteppedBack ? Math.min(level, WARN) : level', 'level'),
  at(VERDICT, 'the switch does nothing', 'if (policy.suspended)', 'if (false)'),
  at(VERDICT, 'old data says something', 'if (!(ageMs <= policy.maxDataAgeMs))', 'if (false)'),
  at(VERDICT, 'data is too old a moment early', 'ageMs <= policy.maxDataAgeMs', 'ageMs < policy.maxDataAgeMs'),
  at(
    VERDICT,
    'the region of the shift goes first',
    'order.region || facts.region',
    'facts.region || order.region || ""',
  ),
  at(VERDICT, 'the region of the order alone counts', 'order.region || facts.region', 'order.region || ""'),
  at(VERDICT, 'a region that is off requires something', 'if (!rules?.region.on)', 'if (!rules)'),
  at(VERDICT, 'tariffs that are not listed require something', 'asked.some((tariff) => tariffs.has(tariff))', 'true'),
  at(VERDICT, 'an order without tariffs requires nothing', 'return asked.length === 0 || ', 'return '),
  at(VERDICT, 'tariffs of others count', ' && !asked.includes(category)', ' && false'),
  at(VERDICT, 'off is judged', "if (found?.rule.mode === 'off')", 'if (false)'),
  at(
    VERDICT,
    'somebody without a licence fails',
    "!facts.hasPerson ? 'person_unknown' :",
    "!facts.hasPerson ? 'no_id' :",
  ),
  at(
    VERDICT,
    'the mildest of the tariffs counts',
    'if (its <= level) continue;',
    'if (level !== -1 && its >= level) continue;',
  ),
  at(VERDICT, 'having no rule is nothing', 'rule?.level ?? OBSERVE;', 'rule?.level ?? -1;'),
  at(VERDICT, 'whoever only has to be warned is blocked', "mode === 'block'", "mode !== 'off'"),
  at(VERDICT, 'unknown blocks', "outcome === 'fail' && mode", "outcome !== 'pass' && mode"),
  at(VERDICT, 'a missing id blocks nobody', '!isBlocking(deptransId) && !isBlocking(session)', '!isBlocking(session)'),
  at(
    VERDICT,
    'a missing shift blocks nobody',
    '!isBlocking(deptransId) && !isBlocking(session)',
    '!isBlocking(deptransId)',
  ),
  at('share.ts', 'shares hang on the length alone', 'h ^= length;', 'h = length;'),
  at('times.ts', 'a shift is over since we heard of it', '? endedAt : updatedAt', '? updatedAt : updatedAt'),
  at('times.ts', 'a failing shift has an end to come', "until: outcome === 'pass' ? endedAt : null", 'until: endedAt'),
];
