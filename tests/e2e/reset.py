#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""reset.py TIMES SEED: a file system that stops as with a hard reset, in mid-recording: metadata and session.json
are there, what was written back is there, and recover makes a trace of it that babeltrace2 reads."""
import ctypes
import fcntl
import random
import shutil
import struct
import time

from rdna1 import *

SHUTDOWN = 0x8004587d  # EXT4_IOC_SHUTDOWN, as XFS_IOC_GOINGDOWN
NO_LOG_FLUSH = struct.pack("I", 2)
IMAGE, MOUNT = f"{T}/image", f"{T}/mnt"
TRACE, COPY = f"{MOUNT}/t", f"{T}/copy"


def skip(why):
    print(why)
    sys.exit(77)


def mount():
    return sh("mount", "-o", "loop", IMAGE, MOUNT)


def stop_all(pid):
    for p in family(pid):
        try:
            os.kill(p, signal.SIGKILL)
        except ProcessLookupError:
            pass
    end = time.time() + 30
    while time.time() < end:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.02)
        except ChildProcessError:
            return
    fail("processes are left")


def lines(directory):
    run = sh(TOOL, "dump", "--format", "json", directory, env=LEAKS)
    expect(run.returncode == 0, f"dump {directory}: {run.returncode} {run.stderr}")
    return run.stdout.splitlines()


def recover():
    run = sh(TOOL, "recover", "-o", COPY, TRACE, env=LEAKS)
    expect(run.returncode == 0, f"recover: {run.returncode} {run.stderr}")
    compare_ctf(COPY, 0)
    shutil.rmtree(COPY)


def reset(after):
    """Returns events that were there at the reset and had been written back, and how many are there now."""
    with open(f"{T}/out", "w") as out:
        p = subprocess.Popen([TOOL, "--emulate", "--sync", "1", "-o", TRACE, "--", workload("conv2d"),
                              "--repeat", "100"], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    time.sleep(after)
    before = [json.loads(line) for line in lines(TRACE)] if os.path.exists(f"{TRACE}/session.json") else None
    fd = os.open(MOUNT, os.O_RDONLY)
    fcntl.ioctl(fd, SHUTDOWN, NO_LOG_FLUSH)
    os.close(fd)
    stop_all(p.pid)
    p.returncode = -signal.SIGKILL
    expect(sh("umount", MOUNT).returncode == 0 and mount().returncode == 0, "cannot mount it again")
    if before is None and not os.path.exists(f"{TRACE}/ctf"):
        return 0, 0
    with open(f"{TRACE}/ctf/metadata") as f:
        text = f.read()
    expect(text.startswith("/* CTF 1.8 */\n") and text.endswith("};\n"), f"metadata: {text!r}")
    if before is not None:
        with open(f"{TRACE}/session.json") as f:
            expect("conv2d" in json.load(f)["command"][0], "session.json")
    now = lines(TRACE)
    syncs = [e["timestamp"] - e["fields"]["took_ns"] for e in before or () if e["event"] == "sync"]
    written = [e for e in before or () if syncs and e["timestamp"] < syncs[-1]]
    found = {(e["timestamp"], e["event"], e["stream"], e["tid"]) for e in map(json.loads, now)}
    lost = [e for e in written if (e["timestamp"], e["event"], e["stream"], e["tid"]) not in found]
    expect(not lost, f"{len(lost)} of {len(written)} events that were written back are gone: {lost[:3]}")
    if now:
        recover()
    return len(written), len(now)


def main():
    times, seed = int(sys.argv[1]), int(sys.argv[2])
    need_root()
    if len(sys.argv) < 4:  # mounts of its own
        os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv, "inside"])
    expect(ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0, "no subreaper")
    rnd = random.Random(seed)
    os.makedirs(MOUNT)
    with open(IMAGE, "wb") as f:
        f.truncate(64 << 20)
    if not os.path.exists("/sbin/mkfs.ext4"):
        skip("there is no mkfs.ext4")
    expect(sh("/sbin/mkfs.ext4", "-q", IMAGE).returncode == 0, "mkfs.ext4")
    run = mount()
    if run.returncode:
        skip(f"no loop device can be mounted: {run.stderr.strip()}")
    written = found = 0
    for number in range(times):
        sh("rm", "-rf", TRACE)
        sh("sync", "-f", MOUNT)
        w, n = reset(rnd.uniform(0.3, 1) if number % 4 == 3 else rnd.uniform(1.5, 4))
        written, found = written + w, found + n
    sh("umount", MOUNT)
    expect(written > 100 * times, f"only {written} events had been written back")
    print(f"{times} resets (seed {seed}): {written} events had been written back, {found} are there")


main()
