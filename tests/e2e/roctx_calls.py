#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""librdna1-roctx.so.1: what its functions return, what reaches the agent (a stand-in) and a libroctx64 behind it;
and where --roctx puts it."""
from rdna1 import *

OURS = os.path.join(BUILD, "librdna1-roctx.so.1")
TOOLS = os.path.join(BUILD, "tests/tools")
AGENT = os.path.join(T, "librdna1-agent.so.1")  # it is known by its name
os.symlink(os.path.join(TOOLS, "preload_range.so"), AGENT)
PROGRAM = os.path.join(TOOLS, "roctx-ranges")
REAL = os.path.join(T, "real")
SAN = sh("gcc", "-print-file-name=libasan.so").stdout.strip() if BUILD.endswith("/san") else ""
os.makedirs(REAL)
os.symlink(os.path.join(TOOLS, "preload_roctx.so"), f"{REAL}/libroctx64.so.4")


def run(*command, path=None, preload=()):
    env = {k: v for k, v in os.environ.items() if k not in ("LD_LIBRARY_PATH", "LD_PRELOAD")}
    env["LD_LIBRARY_PATH"] = path or ""
    env["LD_PRELOAD"] = " ".join([SAN, *preload])
    r = sh(*command, env=env)
    expect(r.returncode == 0, f"{command}: {r.returncode}\n{r.stdout}{r.stderr}")
    return r.stdout.splitlines(), r.stderr.splitlines()


# ---- under the name of the library that a program is linked with ----
OUR_VALUES = ["thread 0 0 -1", "early 0 1, ids count, 1 0 -1", "thread 0 0 -1", "late 0 1, ids count, 1 0 -1"]
TOLD = ["1 0 late", '1 1 inner "1"', "3 0 mark", "4 3 across", "4 4 next", "1 0 other thread", "2 0 ", "2 1 ",
        "5 3 ", "2 0 ", "5 4 "]
out, err = run(PROGRAM, AGENT, path=BUILD)
expect(out == OUR_VALUES, f"{out}")
expect(err == ["agent " + t for t in TOLD], f"{err}")

# ---- in front of the real one: its values, its ids, and each call once on either side ----
out, err = run(PROGRAM, AGENT, path=REAL, preload=[OURS])
expect(out == ["thread 1000 2000 2000", "early 1000 1000, ids differ, 2000 2000 2000", "thread 1000 2000 2000",
               "late 1000 1000, ids differ, 2000 2000 2000"], f"{out}")
told = [t.replace("4 3", "4 3000").replace("4 4", "4 3000").replace("5 3", "5 3000").replace("5 4", "5 3000")
        for t in TOLD]
expect([e for e in err if e.startswith("agent ")] == ["agent " + t for t in told], f"{err}")
real = [e for e in err if e.startswith("real ")]
expect(len(real) == 2 * 13 and real[:3] == ["real push early", 'real push inner "1"', "real mark mark"], f"{real}")

# ---- preloaded and named, twice the same library: once is enough ----
out, err = run(PROGRAM, AGENT, path=BUILD, preload=[OURS])
expect(out == OUR_VALUES and err == ["agent " + t for t in TOLD], f"{out} {err}")

# ---- opened by the program itself, with RTLD_LOCAL ----
OPENED = f"""
import ctypes
roctx = ctypes.CDLL("libroctx64.so.4", mode=ctypes.RTLD_LOCAL)
ctypes.CDLL({AGENT!r}, mode=ctypes.RTLD_LOCAL)
roctx.roctxRangeStartA.restype = roctx.roctxRangeStop.argtypes = None
roctx.roctxRangeStartA.restype = ctypes.c_uint64
roctx.roctxRangeStop.argtypes = [ctypes.c_uint64]
print(roctx.roctx_version_major(), roctx.roctx_version_minor(), roctx.roctxRangePushA(b"layer 1"),
      roctx.roctxRangePushA("Schicht \\u00e4".encode()), roctx.roctxRangePop(), roctx.roctxRangePop(),
      roctx.roctxRangePop(), roctx.roctxRangeStartA(None))
roctx.roctxRangeStop(1)
"""
for preload in ([], [OURS]):
    out, err = run(sys.executable, "-c", OPENED, path=BUILD, preload=preload)
    expect(out == ["4 1 0 1 1 0 -1 1"], f"{out}")
    expect(err == ["agent 1 0 layer 1", "agent 1 1 Schicht ä", "agent 2 1 ", "agent 2 0 ", "agent 4 1 ", "agent 5 1 "],
           f"{err}")

# ---- --roctx: in front of what is there, the emulated device in front of it ----
PRINT = (sys.executable, "-c", "import os; print(os.environ.get('LD_PRELOAD', ''))")
other = f"{TOOLS}/preload_refuse.so"
for name, options, first in (("alone", (), []), ("emulated", EMULATE, ["librdna1-emu.so"])):
    for before in ("", other):
        r = record(f"{name}-{len(before)}", *PRINT, options=(*options, "--roctx"),
                   env={**os.environ, "LD_PRELOAD": f"{SAN} {before}".strip()}).expect_status(0)
        got = [os.path.basename(p) for p in r.out.split() if "libasan" not in p]
        expect(got == first + ["librdna1-roctx.so.1"] + ([os.path.basename(before)] if before else []), r.out)
r = record("without", *PRINT).expect_status(0)
expect("roctx" not in r.out, r.out)
r = record("values", PROGRAM, AGENT, options=("--roctx",),
           env={**os.environ, "LD_LIBRARY_PATH": REAL}).expect_status(0)
expect("agent 1 0 late\n" in r.err and "real push late\n" in r.err, r.err)
os.makedirs(f"{T}/a b")
for name in ("rdna1-trace", "librdna1-agent.so.1", "librdna1-emu.so", "librdna1-roctx.so.1"):
    os.link(f"{BUILD}/{name}", f"{T}/a b/{name}")
r = sh(f"{T}/a b/rdna1-trace", "--roctx", "-o", f"{T}/none", "--", "true")
expect(r.returncode == 1 and "cannot preload" in r.stderr and "space or a colon" in r.stderr, r.stderr)
print("ranges reach the agent and the library behind; values are roctracer's")
