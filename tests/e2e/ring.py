#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ring.py LAUNCHES CALLS: --max-size and buffer= keep the newest events within the bound at every moment,
count the others, and what is left reads as a whole trace does."""
import json
import re
import signal
import time

from rdna1 import *

launches, calls = map(int, sys.argv[1:])
BOUND = 2 << 20
# metadata and the directory itself; session.json and code objects are not in ctf/.
SLACK = 64 << 10
polls = []


def disk_bytes(directory):
    """Of ctf/, as du counts."""
    total = 0
    try:
        with os.scandir(os.path.join(directory, "ctf")) as entries:
            for e in entries:
                try:
                    total += e.stat(follow_symlinks=False).st_blocks * 512
                except FileNotFoundError:
                    pass
    except FileNotFoundError:
        pass
    return total


def watched(directory, bound, *command, **kw):
    """Run, and look at the disk all the time."""
    p = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, **kw)
    most = n = 0
    while p.poll() is None:
        # A chunk that went and the one it made room for may both be met in one look.
        most = max(most, min(disk_bytes(directory) for _ in range(3)))
        n += 1
        time.sleep(0.005)
    out, err = p.communicate()
    expect(p.returncode == 0, f"status {p.returncode}\n{out}{err}")
    most = max(most, disk_bytes(directory))
    expect(most <= bound + SLACK, f"{directory}: {most} bytes on disk, the bound is {bound}")
    expect(n > 10, f"{directory}: looked {n} times only")
    polls.append(f"{most >> 10} of {bound >> 10} KiB")
    return out, err


def read_as_a_whole(directory):
    """-> lost events by the report's sources."""
    compare_ctf(directory)
    text = report(directory, 200)
    expect("left out" not in text and "not finished" not in text and "damaged" not in text, text)
    ring = re.search(r"ring mode: (\d+) older events were overwritten; the trace begins at [\d.]+m?s of the recording",
                     text)
    expect(ring, text)
    info = sh(TOOL, "info", directory, env={**LEAKS, "COLUMNS": "200"})
    expect(info.returncode == 0 and ring[0] in info.stdout, f"{info.stdout}{info.stderr}")
    sources = {}
    for r in rows(text, "What was recorded"):
        if r.get("why") == "not recorded":
            continue
        seen, written, lost = int(r["seen"]), int(r["written"]), int(r["lost"])
        expect(seen == written + lost, f"{r}")
        why = re.search(r"older events, overwritten \(ring mode\): (\d+)", r.get("why", ""))
        expect(lost == (int(why[1]) if why else 0), f"lost otherwise: {r}")
        sources[r["source"]] = seen, written, lost
    expect(sum(s[2] for s in sources.values()) == int(ring[1]), f"{ring[0]}, {sources}")
    copy = directory + ".recovered"
    run = sh(TOOL, "recover", directory, "-o", copy, env=LEAKS)
    expect(run.returncode == 0 and "nothing was damaged" in run.stdout, run.stdout + run.stderr)
    expect(dump(copy) == dump(directory), "recover changed the events")
    return sources


# ---- the program and its device: many launches of several threads ----
directory = os.path.join(T, "storm")
out, err = watched(directory, BOUND, TOOL, "--emulate", "--max-size=2M", "-o", directory, "--", workload("storm"),
                   "--threads", 4, "--launches", launches)
expect(f"launched storm_add {4 * launches} times" in out and "ok: all results right" in out, out)
sources = read_as_a_whole(directory)
for source in ("agent", "emulated device"):
    seen, written, lost = sources[source]
    expect(4 * launches <= seen < 4 * launches + 5000 and lost and written > 1000, f"{source}: {sources[source]}")
    expect(f"{lost} older events ({source}) were overwritten: raise --max-size" in err, err)
expect(sources["recorder"][2] == 0, f"the recorder's own events went: {sources}")
with open(os.path.join(directory, "session.json")) as f:
    session = json.load(f)
expect(session["max_size_bytes"] == BOUND, session["max_size_bytes"])
expect("the newest 2 MiB (--max-size)" in sh(TOOL, "info", directory).stdout, "info does not say the bound")
events = dump(directory)
# The newest: each thread's last launch, and the end.
last = max(e["timestamp"] for e in events if e["event"] == "dispatch")
freed = [e for e in events if e["event"] == "pool_free"]
expect(freed and freed[-1]["timestamp"] > last, "the last events are missing")

# ---- the agent without the recorder's word, and someone who reads meanwhile ----
directory = os.path.join(T, "agent")
script = f'RDNA1_TRACE_OPTIONS="dir={directory} buffer=256K" exec "$@"'
p = subprocess.Popen([TOOL, "-q", "--emulate", "-o", os.path.join(T, "other"), "--", "sh", "-c", script, "sh",
                      workload("storm"), "--threads", "2", "--launches", str(launches)],
                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
reads = 0
while p.poll() is None:
    expect(min(disk_bytes(directory) for _ in range(3)) <= (256 << 10) + SLACK, "the agent's bound does not hold")
    if os.path.exists(os.path.join(directory, "ctf/metadata")):
        text = report(directory)
        expect("left out" not in text, f"a live trace is called damaged:\n{text}")
        reads += 1
out, err = p.communicate()
expect(p.returncode == 0 and "ok: all results right" in out, out + err)
expect(reads > 5, f"read {reads} times only")
expect(read_as_a_whole(directory)["agent"][0] >= 2 * launches, "the agent missed launches")

# ---- the kernel's side: what the load says it did was seen ----
if not ROOT:
    unseen.append("kernel")
else:
    directory = os.path.join(T, "kernel")
    script = 'printf "go\\nend\\n" | "$@"'
    out, err = watched(directory, BOUND, TOOL, "--emulate", "--max-size=2M", "-o", directory, "--", "sh", "-c", script,
                       "sh", os.path.join(BUILD, "tests/tools/ioctl-storm"), 2, calls, 20)
    made = re.search(r"made (\d+) ioctls, (\d+) forks", out)
    expect(made and int(made[1]) == 2 * calls, out)
    seen, written, lost = read_as_a_whole(directory)["kernel"]
    with open(os.path.join(directory, "session.json")) as f:
        hooks = {h["name"].split("(")[1].rstrip(")"): h for h in json.load(f)["hooks"] if h["on"]}
    expect(hooks["raw_tp/sys_exit"]["seen"] == 2 * calls, f"{hooks}")
    expect(seen == sum(h["seen"] for h in hooks.values()) and lost and written > 1000, f"{seen} {written} {lost}")
done(f"most on disk: {', '.join(polls)}; {reads} reports of a live trace")
