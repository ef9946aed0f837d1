#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A full disk, a file size limit: the application is unharmed, losses are counted and said."""
import re
import resource

from rdna1 import *


CONVOLUTION = (workload("conv2d"), "--size", "12")


def run_in(directory, *wrapper, command=CONVOLUTION, says="outputs equal", **kw):
    run = sh(*wrapper, TOOL, "--emulate", "-o", directory, "--", *command, **kw)
    if "cannot" in run.stderr and run.returncode == 1:
        # Not even the trace's frame fits: said before the command is started.
        expect("-o" in run.stderr and "conv2d" not in run.stdout, run.stderr + run.stdout)
        expect(not os.path.exists(directory), f"{directory} was left behind")
        return None
    expect(run.returncode == 0 and says in run.stdout,
           f"the application was harmed: {run.returncode}\n{run.stdout}{run.stderr}")
    return run


def accounts(directory):
    """seen = written + lost for every source of the report."""
    lost = 0
    for r in rows(report(directory), "What was recorded"):
        if r["seen"] == "0" and r.get("why") == "not recorded":
            continue
        expect(int(r["seen"]) == int(r["written"]) + int(r["lost"]), f"{r}")
        lost += int(r["lost"])
    return lost


told = []


def check(name, directory, run, remedy):
    """What is there can be read, what is not is counted and said with its remedy."""
    compare_ctf(directory)
    lost = accounts(directory)
    if lost:
        expect(re.search(r"lost \d+ events \(.*" + remedy, run.stderr), f"{name} lost {lost}:\n{run.stderr}")
        told.append(f"{name}: {lost} lost")
    # What was lost may have told of a fault.
    inside = sum(int(r["lost"]) for r in rows(report(directory), "What was recorded") if r["source"] in ("agent", "emulated device"))
    text = report(directory)
    expect(not inside or "Faults: none in what was recorded" in text, text)
    expect("never opened" not in text, text)


def limited(n):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (n, n))


LIMIT = r"file size limit\): raise it \(ulimit -f\)"
SIZES = (0, 4096, 8192, 20000, 65536, 1 << 26)

# ---- RLIMIT_FSIZE of the application, also below what a chunk needs ----
for n in SIZES:
    directory = os.path.join(T, f"app-{n}")
    script = f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({n}, {n})); " \
             "os.execv(sys.argv[1], sys.argv[1:])"
    # HIP itself (comgr) writes temporary files and aborts where it cannot: rocminfo does not.
    app, says = (CONVOLUTION, "outputs equal") if n >= 1 << 26 else (("/usr/bin/rocminfo",), "*** Done")
    run = run_in(directory, command=(sys.executable, "-c", script, *app), says=says)
    expect(run, "the recorder is not limited")
    check(f"limit of {n} B", directory, run, LIMIT)
    if n < 4096:
        expect("librdna1-agent: no room in" in run.stderr and "will not be counted" in run.stderr,
               run.stderr)

# ---- the limit comes while it runs: what no longer fits is counted ----
script = """
import ctypes, resource
hip = ctypes.CDLL("libamdhip64.so.5")
p, back = ctypes.c_void_p(), (ctypes.c_ubyte * 4096)()
assert not hip.hipMalloc(ctypes.byref(p), 4096) and not hip.hipMemset(p, 1, 4096)
assert not hip.hipDeviceSynchronize()
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
for i in range(1000):
    assert not hip.hipMemset(p, i % 256, 4096)
assert not hip.hipMemcpy(back, p, ctypes.c_size_t(4096), 2)
assert set(back) == {999 % 256}
print("right")
"""
directory = os.path.join(T, "late")
check("limit that comes late", directory,
      run_in(directory, command=(sys.executable, "-c", script), says="right"), LIMIT)
expect(len(told) == 1, "the late limit lost nothing")

# ---- of the recorder ----
many = "import os\nfor i in range(700):\n pid = os.fork()\n if not pid: os._exit(0)\n os.waitpid(pid, 0)"
for n in SIZES:
    directory = os.path.join(T, f"recorder-{n}")
    run = sh(TOOL, "-o", directory, "--", sys.executable, "-c", many, preexec_fn=limited(n))
    if run.returncode == 1:
        expect("-o" in run.stderr and "File too large" in run.stderr, run.stderr)
        expect(not os.path.exists(directory), f"{directory} was left behind")
        continue
    expect(run.returncode == 0, f"{run.returncode}: {run.stderr}")
    check(f"recorder's limit of {n} B", directory, run, LIMIT)
run = sh(TOOL, "--emulate", "-o", os.path.join(T, "vram"), "--", "true", preexec_fn=limited(65536))
expect(run.returncode == 1 and "ulimit -f" in run.stderr, run.stderr)

# ---- a disk that is full, and one that fills up ----
if os.geteuid():
    print("a small disk needs root to be mounted: sudo make check")
    sys.exit(77)
# Propagation unchanged: in a chroot, whose root is no mount, unshare cannot change it.
# The second kind rewrites a file's blocks elsewhere, as btrfs does on any file: an overlay.
script = """
mount -t tmpfs -o size="$1" none base || exit 99
trap 'umount disk; umount base' EXIT
mkdir base/up base/work
if [ "$2" = overlay ]; then
    mount -t overlay -o lowerdir=empty,upperdir=base/up,workdir=base/work none disk || exit 99
else
    mount --bind base/up disk || exit 99
fi
shift 2
"$@"
status=$?
cp -r disk/t copy 2>/dev/null
exit $status
"""
for size_kb, kind in ((8, "plain"), (40, "plain"), (150, "plain"), (300, "plain"), (4000, "plain"),
                      (48, "overlay"), (160, "overlay"), (4000, "overlay")):
    where = os.path.join(T, f"disk-{size_kb}-{kind}")
    for name in ("disk", "base", "empty"):
        os.makedirs(os.path.join(where, name))
    run = run_in("disk/t", "unshare", "-m", "--propagation", "unchanged", "sh", "-c", script, "sh",
                 f"{size_kb}k", kind, cwd=where)
    if not run:
        continue
    copy = os.path.join(where, "copy")
    check(f"{kind} disk of {size_kb} KiB", copy, run, r"no space left on the disk\): free disk space")
expect(any("disk" in t for t in told), "no disk was small enough to lose anything")
print("; ".join(told))
