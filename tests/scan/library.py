#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A real library at speed: rocSPARSE 5.3.0 of Debian 12, 1.3 GB, of which gfx1030 has 190 MB in 111 code objects.

The places of vcmpx-exec-war are those that an independent count by LLVM's definition found (and Mesa's).
"""
import json
import os
import resource
import subprocess
import sys
import time

LIBRARY = "/usr/lib/x86_64-linux-gnu/librocsparse.so.0"
WANT = {"objects": 111, "kernels": 12591, "v_cmpx": 79384}
HAZARDS = {"vcmpx-exec-war": (67467, 10321), "vcmpx-exec-war-aco": (66145, None)}
LEAST = 100e6 / 60  # bytes a second of one processor

version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "librocsparse0"], capture_output=True, text=True).stdout
if not version.startswith("5.3.0"):
    print(f"librocsparse0 is {version or 'not installed'}, not 5.3.0")
    sys.exit(77)
begin = time.monotonic()
p = subprocess.run([os.environ["RDNA1_TRACE"], "scan", "-q", "--arch", "gfx1030", "--kernels", "--format", "json", LIBRARY],
                   capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu = used.ru_utime + used.ru_stime
if p.returncode != 1:
    sys.exit(f"status {p.returncode}: {p.stderr}")
whole = json.loads(p.stdout)
total = whole["total"]
kernels = [k for f in whole["files"] for o in f["objects"] for k in o["kernels"]]
for name, n in WANT.items():
    if total[name] != n:
        sys.exit(f"{name}: {total[name]}, not {n}")
for name, (places, hit) in HAZARDS.items():
    found = total["hazards"][name], sum(name in k["hazards"] for k in kernels)
    if found[0] != places or hit not in (None, found[1]):
        sys.exit(f"{name}: {found}, not {(places, hit)}")
code = sum(o["code_bytes"] for f in whole["files"] for o in f["objects"])
if code / cpu < LEAST and "/san" not in os.environ.get("B", ""):
    sys.exit(f"{code / 1e6:.0f} MB of code in {cpu:.1f} s: slower than 100 MB a minute")
print(f"{total['instructions']} instructions, {code / 1e6:.0f} MB of code in {cpu:.1f} s of a processor, "
      f"{used.ru_maxrss // 1024} MiB; {time.monotonic() - begin:.0f} s in all")
