#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reading takes memory by the number of streams, not by the length of the trace."""
from rdna1 import *


def peak(directory):
    pid = os.fork()
    if not pid:
        os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
        os.execv(TOOL, [TOOL, "dump", directory])
    _, status, usage = os.wait4(pid, 0)
    expect(not status, f"dump {directory}: {status}")
    return usage.ru_maxrss


kb = {}
for rounds in (100, 2500):
    directory = os.path.join(T, str(rounds))
    run = sh(os.path.join(BUILD, "tests/tools/every-event"), directory, rounds)
    expect(run.returncode == 0, run.stderr)
    kb[rounds] = peak(directory)
expect(kb[2500] < kb[100] + 1024, f"peak memory in KiB by rounds: {kb}")
print(f"peak memory {kb[100]} KiB for 100 rounds, {kb[2500]} KiB for 2500")
