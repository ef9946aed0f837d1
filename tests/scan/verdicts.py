#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scan keeps verdicts by the digest that the agent has of the same code object, when it is to, and says so when it
cannot; the launcher scans what a run with replace-hazardous loaded."""
import hashlib
import sys

sys.path.insert(0, "tests/e2e")
from rdna1 import *

CACHE = os.path.join(T, "verdicts-of")
STORE = os.path.join(CACHE, "rdna1-trace", "verdicts")
ENV = {**os.environ, "XDG_CACHE_HOME": CACHE}
FOREIGN, OWN = (os.path.join(BUILD, "miopen", f"naive_conv-gfx{n}.co") for n in (1030, 1010))


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def stored():
    return set(os.listdir(STORE)) if os.path.isdir(STORE) else set()


def verdict(name):
    with open(os.path.join(STORE, name)) as f:
        lines = f.read().splitlines()
    expect(lines[0] == "rdna1-trace verdict 1" and lines[1].startswith("scanner rdna1-trace ") and lines[-1] == "end", lines)
    return lines[2], {w[3]: dict(c.split(":") for c in w[2].split(",")) for w in
                      (l.split(" ", 3) for l in lines[3:-1]) if w[0] == "hazard"}


def scan(*arguments, status, env=ENV):
    p = sh(TOOL, "scan", *arguments, env=env)
    expect(p.returncode == status, f"scan {arguments}: {p.returncode}, not {status}\n{p.stdout}{p.stderr}")
    return p


scan("--no-store", FOREIGN, status=1)
scan("--llvm", "15", FOREIGN, status=1)
expect(not stored(), stored())
whole = json.loads(scan("--format", "json", "--kernels", FOREIGN, status=1).stdout)
expect(stored() == {digest(FOREIGN)}, stored())
isa, found = verdict(digest(FOREIGN))
said = {k["name"]: {n: str(c) for n, c in k["hazards"].items() if c and n != "vcmpx-exec-war-aco"}
        for o in whole["files"][0]["objects"] for k in o["kernels"]}
expect(isa == "isa gfx1030" and len(found) == 12 and found == said, f"{found}\n{said}")
p = scan("--verdict", OWN, FOREIGN, status=0)
expect(not p.stdout and not p.stderr, f"{p}")
expect(verdict(digest(OWN)) == ("isa gfx1010", {}) and len(stored()) == 2, stored())
scan("--verdict", "/etc/passwd", status=2)
scan("--verdict", "--no-store", OWN, status=2)
scan("--verdict", OWN, status=2, env={**ENV, "XDG_CACHE_HOME": "/dev/null"})
p = scan(OWN, status=0, env={**ENV, "XDG_CACHE_HOME": "/dev/null"})
expect("cannot be kept" in p.stderr, p.stderr)

# What the agent has of a program is what scan finds in the program.
CACHE += "-run"
STORE = os.path.join(CACHE, "rdna1-trace", "verdicts")
ENV["XDG_CACHE_HOME"] = CACHE
r = record("plain", workload("conv2d"), "--size", "8", options=("--emulate", "-q"), env=ENV).expect_status(0)
expect(not stored(), "it was not asked for")
scan("-q", workload("conv2d"), status=0)
code = {n.removesuffix(".co") for n in os.listdir(os.path.join(r.dir, "code-objects"))}
expect(code and code <= stored(), f"{code} {stored()}")
if not SANITIZED:
    conv = {**ENV, "HSA_OVERRIDE_GFX_VERSION": "10.3.0", "RDNA1_TRACE_OPTIONS": "replace-hazardous=on"}
    r = record("asked", os.path.join(BUILD, "miopen", "conv"), options=EMULATE, env=conv).expect_status(0)
    code = {n.removesuffix(".co") for n in os.listdir(os.path.join(r.dir, "code-objects"))}
    # By the agent, when they were loaded: nothing is left to do after it.
    expect(code and code <= stored() and "scanning" not in r.err, f"{code} {stored()} {r.err}")
    expect(any(verdict(n)[1] for n in code), "no hazard in any")
    r = record("again", os.path.join(BUILD, "miopen", "conv"), options=EMULATE, env=conv).expect_status(0)
    expect("scanning" not in r.err, r.err)
print(f"{len(stored())} verdicts")
