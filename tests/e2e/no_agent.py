#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The agent does not come into a program that uses the GPU: the summary and the report say so, and why."""
import json

from rdna1 import *

PROGRAM = (workload("conv2d"), "--size", "8")
MISSED = r"process (\d+) \(([^)]*)\) used the (?:GPU's )?driver without the agent: its own side is not recorded"


def missed(r):
    """What the summary says of it; the report and session.json say the same."""
    text = " ".join(report(r.dir, 200).split())
    with open(os.path.join(r.dir, "session.json")) as f:
        session = json.load(f).get("without_agent", [])
    said, told = re.findall(MISSED, r.err), re.findall(MISSED, text)
    expect(said == told and [s[0] for s in said] == [str(s["pid"]) for s in session], f"{r.err}\n{text}\n{session}")
    expect(("likely: HSA_TOOLS_LIB was changed" in r.err) == ("likely: HSA_TOOLS_LIB was changed" in text) ==
           any("why" not in s for s in session), f"{r.err}\n{text}\n{session}")
    for s in session:
        expect("why" not in s or f"found: {s['why']}" in r.err and f"found: {s['why']}" in text, f"{r.err}\n{text}")
    return [s[1] for s in said], session


# ---- with the agent, and without a GPU, nothing is said ----
for name, command in (("with", PROGRAM), ("none", ("true",)), ("info", ("rocminfo",))):
    r = record(name, *command).expect_status(0)
    expect(not missed(r)[0] and "likely" not in r.err or name == "none", r.err)

# ---- taken out of the environment ----
r = record("taken", "env", "-u", "HSA_TOOLS_LIB", *PROGRAM).expect_status(0)
expect("outputs equal" in r.out, r.out)
exes, session = missed(r)
expect(len(exes) == 1 and (not ROOT or exes[0].endswith("conv2d")), f"{exes}")
expect("why" not in session[0], f"{session}")

# ---- a library that cannot be loaded ----
r = record("wrong", "env", "HSA_TOOLS_LIB=/bin/true", *PROGRAM).expect_status(0)
expect(len(missed(r)[0]) == 1, r.err)

# ---- what the user set himself is found ----
r = record("refused", "env", "-u", "HSA_TOOLS_LIB", *PROGRAM,
           env={**os.environ, "HSA_TOOLS_ROCPROFILER_V1_TOOLS": "0"}).expect_status(0)
exes, session = missed(r)
expect("HSA_TOOLS_ROCPROFILER_V1_TOOLS=0 is set" in session[0]["why"], f"{session}")

# ---- set to 1 where the user did not, and left alone where he did ----
for value, want in ((None, "1"), ("0", "0"), ("1", "1")):
    env = {k: v for k, v in os.environ.items() if k != "HSA_TOOLS_ROCPROFILER_V1_TOOLS"}
    env.update({"HSA_TOOLS_ROCPROFILER_V1_TOOLS": value} if value else {})
    r = record(f"v1-{value}", "printenv", "HSA_TOOLS_ROCPROFILER_V1_TOOLS", env=env).expect_status(0)
    expect(r.out == want + "\n", f"{value}: {r.out}")

# ---- one with it and one without, and a child that has only its parent's number of them ----
r = record("both", "sh", "-c", f"{' '.join(PROGRAM)} && env -u HSA_TOOLS_LIB {' '.join(PROGRAM)}; exit 0")
exes, session = missed(r)
expect(len(exes) == 1, f"{r.err}")
text = report(r.dir)
expect("Kernels dispatched: 1 dispatch" in text, text)

# ---- many: not one line each ----
r = record("many", "sh", "-c", f"for i in 1 2 3 4 5; do env -u HSA_TOOLS_LIB {' '.join(PROGRAM)}; done")
expect(len(re.findall(MISSED, r.err)) == 3 and "and 2 more processes without the agent" in r.err, r.err)
expect(len(re.findall(MISSED, " ".join(report(r.dir, 200).split()))) == 5, report(r.dir))
print("who misses the agent is named, with what was found")
