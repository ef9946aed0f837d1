#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""agent_faults.py RUNS [COMMAND...]: every call of the agent into libc fails in turn; the application never notices.

At most RUNS runs, spread evenly: the N-th call fails, all of one function fail, all from the N-th on fail. Each
time the output and the status are the same as without, and the trace is there and readable or its lack is said.
"""
import shutil
import tempfile

from rdna1 import *

AGENT = os.path.join(BUILD, "librdna1-agent.so.1")
FAULTS = os.path.join(BUILD, "tests/tools/agent-faults.so")
COMMAND = sys.argv[2:] or (workload("conv2d"), "--size", "8")
RUNTIME_QUEUE = 3  # cause of a queue_gap: packets of the runtime's own queues, which nobody can read
SAID = ("loss", "queue_gap")  # events that say how many others are not there
UNSAID = ()
# In the application LD_PRELOAD names the emulated device, which has some of the same functions.
PRELOAD = ("sh", "-c", 'LD_PRELOAD="$0 $LD_PRELOAD" exec "$@"', FAULTS)
violations = []

if BUILD.endswith("/san"):
    print("not in a sanitizer build: its runtime stands between the agent and libc")
    sys.exit(77)


def check_complete():
    """A function that the agent imports and the tool does not know would never fail."""
    with open(os.path.join(TOP, "tests/tools/agent-faults.def")) as f:
        text = f.read()
    known = set(re.findall(r"^(?:CALL|SURE)\((\w+)", text, re.M)) | {"syscall"}
    run = sh("nm", "-D", "--undefined-only", AGENT)
    expect(run.returncode == 0 and run.stdout, run.stderr)
    imported = {line.split()[-1].split("@")[0] for line in run.stdout.splitlines() if " U " in line}
    expect(imported <= known, f"the agent calls {' '.join(sorted(imported - known))}: say in tests/tools/agent-faults.def "
                              "how it fails, or that it cannot")
    return sorted(imported & set(re.findall(r"^CALL\((\w+)", text, re.M))) + ["syscall"]


def run(name, **faults):
    """-> status, output, messages, the agent's directory, what the library logged."""
    where = tempfile.mkdtemp(dir=T, prefix=name + ".")
    env = {**os.environ, "AGENT_FAULTS_LOG": f"{where}/log", **{f"AGENT_FAULTS_{k.upper()}": str(v) for k, v in faults.items()}}
    p = sh(TOOL, "-q", "--emulate", "-o", f"{where}/device", "--", "env", f"HSA_TOOLS_LIB={AGENT}",
           f"RDNA1_TRACE_OPTIONS=dir={where}/own", *PRELOAD, *COMMAND, env=env, timeout=60)
    log = []
    if os.path.exists(f"{where}/log"):
        with open(f"{where}/log") as f:
            log = [line.split() for line in f]
    return p.returncode, re.sub(r"0x[0-9a-f]+", "ADDRESS", p.stdout), p.stderr, where, log


def counted(directory):
    """How many events there are of each kind, and how many the trace says are not there."""
    events = dump(directory)
    kinds = [e["event"] for e in events if e["event"] not in SAID]
    said = [e["fields"] for e in events if e["event"] == "loss" or
            (e["event"] == "queue_gap" and e["fields"]["cause"] != RUNTIME_QUEUE)]
    return {k: kinds.count(k) for k in set(kinds)}, sum(x["count"] for x in said)


def where_in_agent(log):
    """What failed, with its place in the source."""
    lines = []
    for number, name, offset, how in log[:3]:
        # The address behind the call.
        place = sh("addr2line", "-s", "-f", "-p", "-i", "-e", AGENT, hex(int(offset, 16) - 1)).stdout.strip()
        lines.append(f"{number} {name} {how} in {' '.join(place.split())}")
    return "; ".join(lines) + (f"; and {len(log) - 3} more" if len(log) > 3 else "")


def judge(status, out, err, where, log, normal, events):
    """What is not as it should be; "" when all is."""
    said = [line for line in err.splitlines() if line.startswith("librdna1-agent: ")]
    own = f"{where}/own"
    if status != normal[0]:
        return f"status {status}: {err[-300:]}"
    if out != normal[1]:
        return f"output {out}"
    if not os.path.isdir(f"{own}/ctf"):
        return "" if said else "no trace, and nothing said"
    p = sh(TOOL, "report", own, env=LEAKS)
    if p.returncode:
        return f"report: {p.stderr}"
    p = sh(TOOL, "dump", own, env=LEAKS)
    if p.returncode:
        return f"dump: {p.stderr}"
    got, lost = counted(own)
    less = {k: f"{got.get(k, 0)} of {n}" for k, n in events.items() if got.get(k, 0) < n and k not in UNSAID}
    return f"silent loss: {less}" if less and not lost and not said else ""


def main(runs):
    fallible = check_complete()
    status, out, err, where, log = run("count")
    expect(status == (-signal.SIGABRT if "again" in COMMAND else 0) and out, f"{status}\n{out}{err}")
    expect(len(log) > 50, f"{len(log)} calls of the agent were seen")
    expect(not [x for x in log if x[1] == "UNKNOWN-SYSCALL"],
           f"system calls that tests/tools/agent-faults.def does not know: {log}")
    events, lost = counted(f"{where}/own")
    expect("pool_alloc_ok" in events and not lost, f"{events}, {lost} lost")
    normal = status, out

    seen = {x[1] for x in log}
    plan = [{"nth": n} for n in range(1, len(log) + 1)]
    plan += [{"call": c} for c in fallible if c in seen or (c == "syscall" and any(s.startswith("SYS_") for s in seen))]
    plan += [{"from": n} for n in range(1, len(log) + 1, 10)]
    step = max(1.0, len(plan) / runs)
    plan = [plan[int(i * step)] for i in range(int(len(plan) / step))]
    hit = 0
    for faults in plan:
        result = run("fail", **faults)
        wrong = judge(*result, normal, events)
        failed = [x for x in result[4] if x[3] != "passed"]
        hit += bool(failed)
        if wrong:
            violations.append(faults)
            print(f"{faults}: {where_in_agent(failed)}\n    {wrong}", flush=True)
        shutil.rmtree(result[3])
    # Another order of threads may make a call less.
    expect(hit >= 0.9 * len(plan), f"only {hit} of {len(plan)} runs had a failing call")
    expect(not violations, f"{len(violations)} of {len(plan)} runs")
    print(f"{len(plan)} runs, {hit} with failing calls of {len(log)} the agent makes, {len(seen)} functions: all unharmed")


main(int(sys.argv[1]))
