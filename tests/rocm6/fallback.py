#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fallback.py TARGET: real MIOpen's convolutions, naive and by GEMM, run by kernels of ours and on the host: the numbers are right
(tests/rocm6/miopen.cpp compares them with a CPU loop), and every dispatch of a known kernel went there."""
from rocm6 import *

target, total = sys.argv[1], 0
for fallback in ("native", "host"):
    for mode in ("naive", "gemm"):
        r = record(f"{fallback}-{mode}", os.path.join(BUILD, "miopen"), mode, env=miopen_env(target), timeout=900,
                   options=("--emulate", f"--fallback={fallback}"))
        expect(r.status == 0, f"{fallback} {mode}: status {r.status}\n{r.out}\n{r.err}")
        events = dump(r.dir)
        steered = [e["fields"] for e in events if e["event"] == "steered"]
        went = [f for f in steered if not f["passed"]]
        # oneDNN is not in the chroot: what needs it runs as it was.
        expect(went or (fallback == "host" and mode == "naive" and "libdnnl2" in r.err), f"{fallback} {mode}: nothing went\n{r.err}")
        expect(all(f["action"] == {"native": 2, "host": 3}[fallback] for f in steered), steered[:5])
        expect(len(went) == len(steered), f"{fallback} {mode}: {[f for f in steered if f['passed']][:5]}")
        expect(not [e for e in events if e["event"] == "host_run" and e["fields"]["error"]], "a host run failed")
        total += len(went)
done(f"{total} dispatches of real MIOpen went to kernels of ours or to the host; right")
