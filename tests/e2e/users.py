#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who the command runs as, whom the trace belongs to, and what works without privileges."""
import pwd
import shutil
import tempfile

from rdna1 import *

need_root()

NOBODY = pwd.getpwnam("nobody")
# A copy that any user can reach, wherever the build stands.
BIN = tempfile.mkdtemp(prefix="rdna1-users.", dir="/tmp")
os.chmod(BIN, 0o755)


def everything_owned_by(directory, uid):
    for root, dirs, files in os.walk(directory):
        for name in [root] + [os.path.join(root, n) for n in files]:
            expect(os.lstat(name).st_uid == uid, f"{name} belongs to {os.lstat(name).st_uid}")


def main():
    for name in ("rdna1-trace", "librdna1-agent.so.1", "librdna1-emu.so"):
        shutil.copy(os.path.join(BUILD, name), BIN)
    shutil.copy(workload("conv2d"), BIN)
    tool, conv = os.path.join(BIN, "rdna1-trace"), os.path.join(BIN, "conv2d")
    work = os.path.join(BIN, "work")
    os.mkdir(work)
    os.chmod(work, 0o777)
    env = {**os.environ, "TMPDIR": "/tmp", "SUDO_UID": str(NOBODY.pw_uid),
           "SUDO_GID": str(NOBODY.pw_gid), "SUDO_USER": "nobody"}

    # ---- under sudo: as the calling user, both sides recorded ----
    who = "id -u; id -g; id -G; grep -E 'CapEff|NoNewPrivs' /proc/self/status"
    run = sh(tool, "-q", "-o", f"{work}/id", "--", "sh", "-c", who, env=env)
    groups = " ".join(str(g) for g in sorted(os.getgrouplist("nobody", NOBODY.pw_gid)))
    lines = run.stdout.split("\n")
    expect(run.returncode == 0 and lines[:2] == [str(NOBODY.pw_uid), str(NOBODY.pw_gid)] and
           " ".join(sorted(lines[2].split())) == groups and "CapEff:\t0000000000000000" in lines,
           run.stdout + run.stderr)
    everything_owned_by(f"{work}/id", NOBODY.pw_uid)

    run = sh(tool, "--emulate", "-o", f"{work}/sudo", "--", conv, env=env)
    expect(run.returncode == 0 and "outputs equal" in run.stdout, run.stdout + run.stderr)
    everything_owned_by(f"{work}/sudo", NOBODY.pw_uid)
    ours = Recorded(f"{work}/sudo", run)
    expect_report_of_workload(ours)
    expect_no_loss(ours.dir)
    compare_ctf(ours.dir, 200)
    if any(e["event"] == "kfd_ioctl" for e in dump(ours.dir)):
        compare_ioctls(ours.dir)
    else:
        fail("the kernel's side is not recorded under sudo")

    run = sh(tool, "-q", "-o", f"{work}/home", "--", "sh", "-c", "echo $HOME $USER $LOGNAME", env=env)
    expect(run.stdout == f"{NOBODY.pw_dir} nobody nobody\n", run.stdout + run.stderr)

    # A directory of root's group, which sudo leaves us in, is not the user's.
    os.mkdir(f"{work}/group")
    os.chmod(f"{work}/group", 0o770)
    run = sh(tool, "-o", f"{work}/group/x", "--", "true", env=env)
    expect(run.returncode == 1 and "Permission denied for nobody, who called sudo" in run.stderr and
           "--as-root" in run.stderr and not os.path.exists(f"{work}/group/x"), run.stderr)

    # The user cannot write there: said, nothing made as root.
    run = sh(tool, "-o", "/root/x", "--", "true", env=env)
    expect(run.returncode == 1 and "/root/x" in run.stderr and not os.path.exists("/root/x"), run.stderr)

    # ---- --as-root ----
    run = sh(tool, "-q", "--as-root", "-o", f"{work}/root", "--", "id", "-u", env=env)
    expect(run.returncode == 0 and run.stdout == "0\n", run.stdout + run.stderr)
    everything_owned_by(f"{work}/root", 0)

    # ---- without root: the agent's side, and one line that says what is missing ----
    plain = {k: v for k, v in env.items() if not k.startswith("SUDO_")}
    as_nobody = ("setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups")
    run = sh(*as_nobody, tool, "--emulate", "-o", f"{work}/user", "--", conv, env=plain)
    expect(run.returncode == 0 and "outputs equal" in run.stdout, run.stdout + run.stderr)
    about = [l for l in run.stderr.splitlines() if "CAP_BPF" in l]
    expect(len(about) == 1 and "CAP_PERFMON" in about[0] and "sudo" in about[0] and
           "setcap cap_bpf,cap_perfmon+ep" in about[0], run.stderr)
    events = dump(f"{work}/user")
    expect([e for e in events if e["event"] == "dispatch"] and
           not [e for e in events if e["event"] == "kfd_ioctl"], "the agent's side")
    text = report(f"{work}/user")
    expect("the emulated device's own log" in text and
           any(r["source"] == "kernel" and r["why"] == "not recorded"
               for r in rows(text, "What was recorded")), text)
    compare_ctf(f"{work}/user", 100)

    # ---- built in a directory with a space, TMPDIR from here: both reach LD_PRELOAD ----
    shutil.copytree(BIN, f"{T}/a b:c", ignore=shutil.ignore_patterns("work"))
    os.mkdir(f"{T}/tmp")
    run = sh(f"{T}/a b:c/rdna1-trace", "--emulate", "-o", f"{T}/space", "--", "sh", "-c",
             f"cd /; '{T}/a b:c/conv2d' --size 8", env={**plain, "TMPDIR": "tmp"}, cwd=T)
    expect(run.returncode == 0 and "outputs equal" in run.stdout, run.stdout + run.stderr)
    expect(any(e["event"] == "dispatch" for e in dump(f"{T}/space")), "the agent was not loaded")

    # ---- root without CAP_BPF (a container) ----
    run = sh("setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-all", tool, "-o",
             f"{work}/container", "--", "true", env=plain)
    expect(run.returncode == 0 and run.stderr.count("CAP_BPF") == 1, run.stderr)
    # ---- the two capabilities are enough ----
    run = sh("setcap", "cap_bpf,cap_perfmon+ep", tool)
    expect(run.returncode == 0, run.stderr)
    run = sh(*as_nobody, tool, "--emulate", "-o", f"{work}/caps", "--", conv, env=plain)
    expect(run.returncode == 0 and "outputs equal" in run.stdout, run.stdout + run.stderr)
    expect("CAP_BPF" not in run.stderr, run.stderr)
    everything_owned_by(f"{work}/caps", NOBODY.pw_uid)
    compare_ioctls(f"{work}/caps")
    run = sh(*as_nobody, tool, "-q", "-o", f"{work}/caps2", "--", "grep", "CapEff",
             "/proc/self/status", env=plain)
    expect(run.stdout == "CapEff:\t0000000000000000\n", f"the command has {run.stdout}")

    print("sudo, --as-root, no privileges, two capabilities, a container")


try:
    main()
finally:
    shutil.rmtree(BIN)
