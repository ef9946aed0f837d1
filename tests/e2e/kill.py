#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill.py TIMES SEED: kill -9 of the application, of the recorder, and of both, at random moments:
every trace can be read, by babeltrace2 too, with the same events."""
import ctypes
import glob
import random
import re
import shutil
import signal
import time

from rdna1 import *


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(x) for x in f.read().split()]
    except OSError:
        return []


def application(recorder):
    """The pid of the command: the child of the recorder that is no copy of it (the broker is)."""
    for pid in children(recorder):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if f.read().split(b"\0")[0].endswith(b"conv2d"):
                    return pid
        except OSError:
            pass
    return None


def all_gone():
    """Every process that the killed ones left behind has ended: none writes to the trace any more."""
    end = time.time() + 60
    while time.time() < end:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.02)
        except ChildProcessError:
            return True
    return False


def start(directory, out):
    return subprocess.Popen([TOOL, "--emulate", "-o", directory, "--", workload("conv2d"), "--repeat", "5"],
                            stdin=subprocess.DEVNULL, stdout=out, stderr=out)


def until_up(p):
    while not application(p.pid):
        expect(p.poll() is None, f"it ended with {p.returncode}")
        time.sleep(0.005)


def times_of_application():
    """How long it takes here until the application is there, and from then on until it is gone."""
    began = time.time()
    directory = os.path.join(T, "unharmed")
    p = start(directory, subprocess.DEVNULL)
    until_up(p)
    up = time.time() - began
    while application(p.pid):
        time.sleep(0.005)
    took = time.time() - began - up
    expect(p.wait(timeout=60) == 0 and all_gone(), f"{p.returncode}")
    shutil.rmtree(directory)
    return up, took


def one(number, victim, after, up):
    """up: so long after the application is there, not after the start."""
    directory = os.path.join(T, f"{victim}-{number}")
    out = open(directory + ".out", "w")
    p = start(directory, out)
    if up:
        until_up(p)
    time.sleep(after)
    app = application(p.pid)
    if victim in ("application", "both") and app:
        os.kill(app, signal.SIGKILL)
    if victim in ("recorder", "both"):
        p.kill()
    status = p.wait(timeout=60)
    # The application runs on to its end: its device is not the recorder's.
    expect(all_gone(), f"something hangs after the death of the {victim}: {family(os.getpid())[1:]}")
    if victim == "recorder" and app:
        with open(directory + ".out") as f:
            text = f.read()
        expect(re.search(r"^ok: \d+ outputs", text, re.M), f"the application was harmed:\n{text}")
    out.close()
    if victim == "application" and app:
        expect(status == -signal.SIGKILL, f"the recorder ended with {status}, not by SIGKILL")
    return directory, app is not None


def main():
    times, seed = int(sys.argv[1]), int(sys.argv[2])
    PR_SET_CHILD_SUBREAPER = 36
    expect(ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, "no subreaper")
    rnd = random.Random(seed)
    events = with_app = without = 0
    measured = [times_of_application() for _ in range(3)]
    up, took = min(m[0] for m in measured), min(m[1] for m in measured)
    for victim in ("application", "recorder", "both"):
        for number in range(times):
            early = number % 3 == 0
            directory, app = one(number, victim, rnd.uniform(0.005, up if early else took), not early)
            with_app += app
            if not os.path.exists(os.path.join(directory, "ctf")):
                without += 1  # killed before anything was recorded
                run = sh(TOOL, "report", directory)
                expect(run.returncode == 1 and run.stderr.startswith("rdna1-trace: " + directory),
                       run.stderr)
                continue
            n = int(re.match(r"(\d+) events", compare_ctf(directory, 0))[1])
            events += n
            text = report(directory)
            expect(text.startswith("emulated device"), text)
            sh("rm", "-rf", directory)
    end = time.time() + 10
    while glob.glob(f"{T}/rdna1-emu.*") and time.time() < end:
        time.sleep(0.1)
    expect(not glob.glob(f"{T}/rdna1-emu.*"), "a broker is left, or its directory")
    expect(with_app > times, "the application was never there")
    print(f"{3 * times} kills (seed {seed}), {with_app} with the application up, {without} before "
          f"there was a trace: {events} events read twice")


main()
