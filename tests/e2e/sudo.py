#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""With the real sudo, and rules of our own in a mount namespace: the command is as if sudo had not been there."""
import pty
import pwd
import shutil
import tempfile

from rdna1 import *

need_root()
if not shutil.which("sudo"):
    print("sudo is not installed")
    sys.exit(77)
if sys.argv[1:] != ["inside"]:
    if sh("unshare", "-m", "true").returncode:
        print("no mount namespace can be made here")
        sys.exit(77)
    os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, __file__, "inside"])

NOBODY = pwd.getpwnam("nobody")
AS_NOBODY = ("setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups")
BIN = tempfile.mkdtemp(prefix="rdna1-sudo.", dir="/tmp")
OURS = f"{BIN}/rdna1-trace"
WORK = f"{BIN}/work"
SANITIZERS = {k: v for k, v in os.environ.items() if k in ("ASAN_OPTIONS", "UBSAN_OPTIONS")}
# As a user's shell would have it: sudo lets little of it through.
ENV = {"PATH": f"{BIN}/venv/bin:/usr/bin:/bin", "HOME": f"{BIN}/home", "USER": "someone", "SHELL": "/bin/sh",
       "VIRTUAL_ENV": f"{BIN}/venv", "HSA_OVERRIDE_GFX_VERSION": "10.1.0", "LD_LIBRARY_PATH": f"{BIN}/lib",
       "MIOPEN_FIND_MODE": "1", "TMPDIR": f"{BIN}/home", "EMPTY": "", "TEXT": "a b=c \"d\" '", **SANITIZERS}
SET_BY_US = {"HSA_TOOLS_LIB", "RDNA1_TRACE_OPTIONS", "HSA_TOOLS_ROCPROFILER_V1_TOOLS"}
traces = 0


def mount(*arguments):
    run = sh("mount", *arguments)
    expect(run.returncode == 0, f"mount {arguments}: {run.stderr}")


def configure(*defaults):
    """Every rule of sudo that is in force."""
    lines = ["Defaults " + d for d in ("env_reset", "!syslog", "lecture=never", "!mailto", *defaults)]
    with open(f"{BIN}/sudoers", "w") as f:
        f.write("\n".join(lines + ["root ALL=(ALL:ALL) NOPASSWD: ALL", "nobody ALL=(ALL:ALL) NOPASSWD: ALL", ""]))


def prepare():
    os.chmod(BIN, 0o755)
    for directory in (WORK, f"{BIN}/venv/bin", f"{BIN}/home"):
        os.makedirs(directory)
        os.chmod(directory, 0o777)
    for name in ("rdna1-trace", "librdna1-agent.so.1", "librdna1-emu.so"):
        shutil.copy(os.path.join(BUILD, name), BIN)
    shutil.copy(workload("conv2d"), BIN)
    for name, text in (("venv/bin/mytool", "echo mine"), ("sudo", f"{OURS} \"$@\"; exit $?")):
        with open(f"{BIN}/{name}", "w") as f:
            f.write(f"#!/bin/sh\n{text}\n")
        os.chmod(f"{BIN}/{name}", 0o755)
    os.symlink("/usr/bin/python3", f"{BIN}/venv/bin/python3")
    with open(f"{BIN}/venv/pyvenv.cfg", "w") as f:
        f.write("home = /usr/bin\n")
    configure()
    os.chmod(f"{BIN}/sudoers", 0o440)
    mount("--bind", f"{BIN}/sudoers", "/etc/sudoers")
    with open(f"{BIN}/pam", "w") as f:
        f.writelines(f"{kind} required pam_permit.so\n" for kind in ("auth", "account", "session"))
    mount("--bind", f"{BIN}/pam", "/etc/pam.d/sudo")
    for directory in ("/run/sudo", "/var/lib/sudo"):
        if os.path.isdir(directory):
            mount("-t", "tmpfs", "none", directory)
    run = user("sudo", "-n", "id", "-u")
    if run.stdout != "0\n":
        print(f"sudo does not make root here: {run.stderr.strip()}")
        sys.exit(77)


def user(*command, env=ENV, cwd=WORK):
    """Typed by the user, on a terminal: without one sudo makes none (use_pty)."""
    master, slave = pty.openpty()

    def on_terminal():
        os.setsid()
        os.close(os.open(os.ttyname(slave), os.O_RDWR))

    try:
        return sh(*AS_NOBODY, *command, env=env, cwd=cwd, preexec_fn=on_terminal)
    finally:
        os.close(master)
        os.close(slave)


def traced(sudo, *command, options=("-q",), env=ENV, cwd=WORK):
    """sudo ... rdna1-trace -o trace-N -- COMMAND, which must succeed; what it said."""
    global traces
    traces += 1
    run = user(*sudo, OURS, *options, "-o", f"trace-{traces}", "--", *command, env=env, cwd=cwd)
    expect(run.returncode == 0, f"{sudo} {command}: {run.returncode}\n{run.stdout}{run.stderr}")
    return run


def newest():
    return f"{WORK}/trace-{traces}"


def environment(run):
    return dict(line.split("=", 1) for line in run.stdout.splitlines() if line.split("=", 1)[0] not in SET_BY_US)


def expect_environment(expected, *sudo, env=ENV):
    got = environment(traced(sudo, "env", env=env))
    differ = {n: (got.get(n), expected.get(n)) for n in got.keys() | expected.keys() if got.get(n) != expected.get(n)}
    expect(not differ, f"{sudo}: (is, should be): {differ}")


def everything_owned(directory):
    for root, _, files in os.walk(directory):
        for name in [root] + [os.path.join(root, n) for n in files]:
            expect(os.lstat(name).st_uid == NOBODY.pw_uid, f"{name} belongs to {os.lstat(name).st_uid}")


# The command's ancestors by name, up to the first that is not sudo.
ANCESTORS = ("sh", "-c", """pid=$PPID
while name=$(sed -n 's/^Name:\\t//p' /proc/$pid/status); case $name in rdna1-trace | sudo) ;; *) false;; esac; do
	echo $name
	pid=$(sed -n 's/^PPid:\\t//p' /proc/$pid/status)
done""")


def same_as_without(monitor):
    run = traced(("sudo",), *ANCESTORS)
    expect(run.stdout.split() == ["rdna1-trace", "sudo"] + ["sudo"] * monitor, f"use_pty {monitor}: {run.stdout}")

    # ---- the environment: the user's own, and what stands on sudo's command line ----
    expect_environment(ENV, "sudo")
    with open(f"{newest()}/session.json") as f:
        session = json.load(f)
    expect(set(session["environment_names"]) | session["environment"].keys() == ENV.keys(), session)
    expect(session["environment"]["HSA_OVERRIDE_GFX_VERSION"] == "10.1.0" and
           session["environment"]["PATH"] == ENV["PATH"] and session["directory"] == WORK, session)
    everything_owned(newest())
    typed = {**ENV, "VAR": "x"}
    expect_environment(typed, "sudo", env=typed)
    expect_environment(typed, "sudo", "VAR=x")
    expect_environment({**ENV, "HSA_OVERRIDE_GFX_VERSION": "10.3.0", "A": "b=c", "HOME": "/"}, "sudo",
                       "HSA_OVERRIDE_GFX_VERSION=10.3.0", "A=b=c", "HOME=/")
    expect_environment({**ENV, "A": "2"}, "sudo", "A=1", "A=2")
    for options in (["-E"], ["-H"], ["-n", "-u", "root"], ["-u#0"], ["--user=root", "--group", "root"],
                    ["-p", "P=1", "-nH"], ["--preserve-env=TEXT"], ["--"]):
        expect_environment(ENV, "sudo", *options)
    expect_environment(typed, "sudo", "-n", "VAR=x", "-p", "NOT=this", "-H")
    # A program that takes a command: env's own variables are meant for it.
    expect_environment(typed, "sudo", "env", "VAR=x")
    expect_environment({**typed, "PATH": f"/nowhere:{ENV['PATH']}"}, "sudo", "-E", "env", "VAR=x",
                       f"PATH=/nowhere:{ENV['PATH']}")
    expect_environment(ENV, "sudo", "nice", "-n", "1")
    expect_environment({}, "/usr/bin/sudo", env={})

    # ---- the command is looked up where the user would find it ----
    expect(traced(("sudo",), "mytool").stdout == "mine\n", "mytool of the user's PATH")
    run = traced(("sudo",), "python3", "-c", "import sys; print(sys.prefix)")
    expect(run.stdout == f"{BIN}/venv\n", f"python3 is that of {run.stdout}")
    run = user("sudo", OURS, "-q", "-o", "x", "--", "mytool", env={**ENV, "PATH": "/usr/bin:/bin"})
    expect(run.returncode == 1 and "no such command" in run.stderr and not os.path.exists(f"{WORK}/x"), run.stderr)

    # ---- who it is, where it is, how it ends ----
    run = traced(("sudo",), "sh", "-c", "id -u; id -g; pwd")
    expect(run.stdout.split() == [str(NOBODY.pw_uid), str(NOBODY.pw_gid), WORK], run.stdout)
    run = user("sudo", "-D", f"{BIN}/home", OURS, "-q", "-o", f"here-{monitor}", "--", "pwd", cwd=BIN)
    expect(run.stdout == f"{BIN}/home\n" and os.path.exists(f"{BIN}/home/here-{monitor}"), run.stdout + run.stderr)
    for how, result in (("exit 0", 0), ("exit 7", 7)):
        run = user("sudo", OURS, "-q", "-o", f"ends-{monitor}-{result}", "--", "sh", "-c", how)
        expect(run.returncode == result, f"{how} became {run.returncode}")


def not_asked():
    """Where something else than sudo started us: the environment is that something's, and one line says so."""
    for ran, command in (("/usr/bin/sh", ("sudo", "-n", "VAR=x", "sh", "-c", '"$@"; exit $?', "sh")),
                         ("/bin/sh", ("sudo", "-s", "VAR=x")),
                         (f"{BIN}/sudo", ("sudo", "VAR=x", f"{BIN}/sudo"))):
        tool = () if ran == f"{BIN}/sudo" else (OURS,)
        name = f"shell-{ran.replace('/', '-')}"
        run = user(*command, *tool, "-o", name, "--", "env")
        got = environment(run)
        expect(run.returncode == 0 and got["VAR"] == "x" and got["PATH"] == "/usr/sbin:/usr/bin" and
               got["SUDO_USER"] == "nobody" and "HSA_OVERRIDE_GFX_VERSION" not in got and
               (got["HOME"], got["USER"], got["LOGNAME"]) == (NOBODY.pw_dir, "nobody", "nobody"), f"{ran}: {got}")
        said = [l for l in run.stderr.splitlines() if "environment" in l]
        expect(len(said) == 1 and f"sudo ran {ran} and not rdna1-trace" in said[0] and
               "type sudo rdna1-trace -- COMMAND in nobody's shell" in said[0], run.stderr)
        everything_owned(f"{WORK}/{name}")
    run = traced(("sudo",), "true", options=())
    expect("environment" not in run.stderr, run.stderr)
    # As root: what sudo makes of the environment, which is there to protect root.
    run = user("sudo", OURS, "--as-root", "-q", "-o", "as-root", "--", "env")
    got = environment(run)
    expect(got.get("SUDO_USER") == "nobody" and "LD_LIBRARY_PATH" not in got, f"--as-root: {got}")
    # Another user: there is nothing of root to give up.
    run = user("sudo", "-u", "nobody", OURS, "-q", "-o", "nobody", "--", "env")
    expect(environment(run).get("SUDO_USER") == "nobody", run.stdout + run.stderr)
    # sudo may not be asked where root has not all its rights.
    run = user("sudo", "setpriv", "--bounding-set=-sys_ptrace,-perfmon,-sys_admin", "--inh-caps=-all", OURS, "-o", "limited", "--", "env")
    expect(run.returncode == 0 and run.stderr.count("is not known (Permission denied)") == 1 and
           environment(run)["USER"] == "nobody", run.stdout + run.stderr)


def both_sides():
    run = traced(("sudo",), f"{BIN}/conv2d", "--size", "8", options=("-q", "--emulate"))
    expect("outputs equal" in run.stdout, run.stdout + run.stderr)
    expect_no_loss(newest())
    compare_ioctls(newest())
    everything_owned(newest())


def main():
    prepare()
    secure = ("secure_path=/usr/sbin:/usr/bin", 'env_keep+="ASAN_OPTIONS UBSAN_OPTIONS"')
    for monitor in (False, True):
        configure("use_pty" if monitor else "!use_pty", "runcwd=*", *secure)
        same_as_without(monitor)
        not_asked()
        both_sides()
        shutil.rmtree(WORK)
        os.mkdir(WORK)
        os.chmod(WORK, 0o777)
    # Where sudo goes elsewhere by itself, the user stays.
    configure("runcwd=/", *secure)
    expect(traced(("sudo",), "pwd").stdout == f"{WORK}\n" and os.path.exists(newest()), "runcwd of sudoers")
    print("environment, directory, rights and status are as without sudo")


try:
    main()
finally:
    shutil.rmtree(BIN, ignore_errors=True)
