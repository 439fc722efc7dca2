"""Judges every case of a file of vectors (verdict/vectors.json) and compares.

Usage: run_verdicts.py FILE. Prints the cases that differ, at most ten, and a line "N cases, N differ"; the exit code is 1 if one does.
"""

import json
import sys
from pathlib import Path

from deptrans_consumer.verdict import Verdict, judge, share_of


def main() -> int:
    vectors = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    differ = [f"share of {one['person']!r}" for one in vectors["shares"] if share_of(one["person"]) != one["share"]]
    for case in vectors["cases"]:
        policy = vectors["policies"][case["policy"]]
        judged = judge(case["facts"], case["order"], policy, case["now"], case["age_ms"])
        said = {name: value._asdict() if isinstance(value, Verdict) else value for name, value in judged._asdict().items()}
        if said != case["expect"]:
            differ.append(f"{case['name']}: {json.dumps(said)}, not {json.dumps(case['expect'])}")
    for line in differ[:10]:
        print(line)
    print(f"{len(vectors['shares']) + len(vectors['cases'])} cases, {len(differ)} differ")
    return 1 if differ else 0


sys.exit(main())
