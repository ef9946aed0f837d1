#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare: the same program twice is equal; another setting, size, fault, chip differ in what they change and in
nothing else; the status is diff's."""
import shutil

from rdna1 import *

os.chdir(T)
SMALL = ("--size", "9")


def run(name, *command, options=EMULATE, status=0, **env):
    r = record(name, *command, options=options, env={**os.environ, **env})
    expect(status is None or r.status == status, f"{name}: {r.status}\n{r.out}{r.err}")
    return name


def compare(a, b, status, *options, width=80):
    p = sh(TOOL, "compare", *options, a, b, env={**LEAKS, "COLUMNS": str(width)})
    expect(p.returncode == status, f"compare {a} {b}: {p.returncode}, not {status}\n{p.stdout}{p.stderr}")
    if "json" in options:
        found = json.loads(p.stdout)
        expect(found["differ"] == (status == 1) and found["a"]["dir"] == a, found["a"])
        return {(i["part"], i["name"]): i for i in found["items"]}
    for line in p.stdout.splitlines():
        expect(len(line) <= width or " " not in line[width:].strip(), f"wider than {width}: {line}")
    return p.stdout


def differing(items):
    return {k for k, i in items.items() if i["differs"]}


# ---- the same, five times over: no difference, whatever the addresses ----
for i in range(5):
    run(f"same{i}", workload("conv2d"), *SMALL)
    text = compare("same0", f"same{i}", 0)
    expect("No difference" in text and "\nAlike\n" in text and "  kernels: " in text, text)
items = compare("same0", "same1", 0, "--format", "json")
expect(items["kernels", "conv2d_direct"]["a"]["count"] == 1 and
       items["memory", "GPU coarse"]["b"]["bytes"] == items["memory", "GPU coarse"]["a"]["bytes"] > 0, "items")
text = compare("same0", "same1", 0, "--all", width=100)
expect("conv2d_direct" in text and "as VRAM, NC" in text and re.search(r"\n  \$PATH\n    A:", text), text)

# ---- memory of another type: what HSA_DISABLE_CACHE=1 does, and nothing else ----
run("nocache", workload("conv2d"), *SMALL, HSA_DISABLE_CACHE="1")
items = compare("same0", "nocache", 1, "--format", "json")
changed = differing(items)
expect(("settings", "$HSA_DISABLE_CACHE") in changed and ("memory", "GPU coarse") in changed and
       {p for p, _ in changed} - {"findings"} == {"settings", "memory", "memory types", "buffers"}, sorted(changed))
details = {d["text"]: (d["a"], d["b"]) for d in items["memory", "GPU coarse"]["details"] if d["what"] == "mapped"}
count = items["memory", "GPU coarse"]["a"]["count"]
expect(details == {"as VRAM, NC": (count, 0), "as VRAM coherent uncached, UC": (0, count)}, details)
text = compare("same0", "nocache", 1)
expect(text.index("Settings") < text.index("Memory asked") < text.index("\nAlike\n") and
       re.search(r"as VRAM coherent uncached, UC +- +\d", text) and "HSA_DISABLE_CACHE" in text, text)
expect(compare("nocache", "same0", 1) != text, "the sides are not told apart")
text = report(f"{T}/nocache", 80)
expect(re.search(r"^  0x[0-9a-f]+ +\S+ \S+  GPU coarse  VRAM coh\. uncached +UC$", text, re.M), text)

# ---- another size: grids, sizes, the command line ----
run("larger", workload("conv2d"), "--size", "12")
changed = differing(compare("same0", "larger", 1, "--format", "json"))
expect({("settings", "command"), ("memory", "GPU coarse"), ("kernels", "conv2d_direct")} <= changed and
       not any(p in ("code", "machine", "faults", "end") for p, _ in changed), sorted(changed))
text = compare("same0", "larger", 1)
expect("in groups of" in text and re.search(r"of \d+ B +\d+ +-\n", text), text)

# ---- a fault ----
run("fault", workload("conv2d"), *SMALL, "--fault", "aperture", status=None)
items = compare("same0", "fault", 1, "--format", "json")
faults = {n: i for (p, n), i in items.items() if p == "faults" and i["differs"]}
expect(items["findings", "aperture-violation"]["b"]["text"] == "confirmed" and
       items["findings", "aperture-violation"]["differs"], "the finding")
expect(any("aperture" in n for n in faults) and
       any("HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION (0x29)" in n for n in faults) and
       items["end", "the command ended"]["differs"], f"{list(faults)}")
text = compare("same0", "fault", 1)
expect("Faults, hangs" in text and re.search(r"A: exited with 0\n +B: killed by SIGABRT \(6\)\n", text) and "(0x" not in
       text.split("\nEnd\n")[1].split("\n\n")[0], text)

expect("B fails (killed by SIGABRT (6)), A does not. They differ in findings, faults, settings (command)" in
       " ".join(text.split()), text)
expect("A fails (killed by SIGABRT (6)), B does not. " in " ".join(compare("fault", "same0", 1).split()), "the other way")

# ---- a variable whose value is not kept: that it is there, is ----
run("named", workload("conv2d"), *SMALL, OF_NOBODY="secret")
text = compare("same0", "named", 1)
expect("Neither fails. They differ in settings ($OF_NOBODY).\n" in text and "set; its value is not kept" in text and
       "secret" not in text, text)
run("named2", workload("conv2d"), *SMALL, OF_NOBODY="another")
text = compare("named", "named2", 0)
expect(re.search(r"not compared: \d+ variables? set in both", text), text)

# ---- code of another chip: what HSA_OVERRIDE_GFX_VERSION does ----
run("own", workload("cards"))
run("override", workload("cards"), HSA_OVERRIDE_GFX_VERSION="10.3.0", status=None)
items = compare("own", "override", 1, "--format", "json")
changed = differing(items)
expect(("settings", "$HSA_OVERRIDE_GFX_VERSION") in changed and any(p == "code" for p, _ in changed) and
       any(n.startswith("gfx1030") for p, n in changed if p == "code"), sorted(changed))
kernels = [i for (p, _), i in items.items() if p == "kernels" and i["a"] and i["b"] and i["a"]["text"]]
expect(any("gfx1010" in k["a"]["text"] and "gfx1030" in k["b"]["text"] and k["differs"] for k in kernels), f"{kernels}")

# ---- times are shown, and are no difference ----
for name in ("timed0", "timed1"):
    run(name, workload("conv2d"), *SMALL, options=("--emulate", "--timing=all"))
text = compare("timed0", "timed1", 0)
expect(re.search(r"conv2d_direct +\S+ +\S+ +\d+\.\d\d\n", text) and "no measurement" in text and "emulated" in text, text)

# ---- without the kernel's side, without a session, copies, packed ones ----
shutil.copytree("same0", "bare")
os.remove("bare/session.json")
changed = differing(compare("same0", "bare", 1, "--format", "json"))
expect({p for p, _ in changed} <= {"settings", "machine", "findings"} and changed, sorted(changed))
p = sh(TOOL, "recover", "-o", "copy", "same0")
expect(p.returncode == 0, p)
changed = differing(compare("same0", "copy", 1, "--format", "json")) if sh(TOOL, "compare", "same0", "copy").returncode else set()
expect({p for p, _ in changed} <= {"settings", "machine", "findings"}, sorted(changed))

# ---- what cannot be read ----
for words, arguments in (("No such file", ("nowhere", "same0")), ("No such file", ("same0", "nowhere")),
                         ("takes two", ("same0",)), ("takes two", ()), ("takes two", ("same0", "same1", "same2")),
                         ("unknown option --bad", ("--bad", "same0", "same1")),
                         ("text or json", ("--format", "xml", "same0", "same1"))):
    p = sh(TOOL, "compare", *arguments)
    expect(p.returncode == 2 and words in p.stderr and not p.stdout, f"{arguments}: {p}")
done("what differs is found, and nothing else")
