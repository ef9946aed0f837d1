#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""quarantine: what people type, what traces confirm, disks that are full or read-only, other users' files, sudo."""
import shutil
import stat
import threading

from rdna1 import *

FILE = f"{T}/state/quarantine"
ROOT = os.geteuid() == 0
CODE = "0123456789abcdef" * 4


def quarantine(*arguments, status=0, file=FILE, width=80, **env):
    run = sh(TOOL, "quarantine", *(("-f", file) if file else ()), *arguments, env={**LEAKS, "COLUMNS": str(width), **env})
    expect(run.returncode == status, f"{arguments}: {run}")
    expect("json" not in " ".join(arguments) or not run.stdout or json.loads(run.stdout), run)
    for line in run.stdout.splitlines():
        expect(len(line) <= width or TOOL in line or line.startswith("{") or " " not in line.strip() or "path" in arguments, f"wider than {width}: {line}")
    return run


def said(*arguments, **kw):
    """Without the layout."""
    return " ".join(quarantine(*arguments, **kw).stdout.split())


def entries(file=FILE):
    return json.loads(quarantine("list", "--json", file=file).stdout)["entries"]


def commands():
    # ---- nothing ----
    expect("Nothing is in quarantine" in said() and "is not there" in said("list"), "nothing")
    expect(entries() == [] and "Nothing" in quarantine("explain").stdout, "nothing, as JSON")
    expect("nothing is in quarantine" in quarantine("remove", "1", status=1).stderr, "remove of none")
    expect(quarantine("path").stdout == FILE + "\n" and not os.path.exists(os.path.dirname(FILE)), "asking makes nothing")
    # ---- add ----
    quarantine("add", "--kernel", "naive_conv_fwd_nchw_fp32.kd", "--what", "hang", "--gpu", "gfx1010", "--code", CODE.upper())
    quarantine("add", "--kernel", "naive_conv_fwd_nchw_fp32", "--avoid", "host", "--problem", "fwd-nchw-fp32")
    quarantine("add", "--kernel", "Im2d2Col", "--what", "use-after-free", "--avoid", "late-free", "--emulated")
    quarantine("add", "--code", "sha256:" + CODE)
    quarantine("add", "--kernel", "Im2d2Col", "--what", "use-after-free", "--avoid", "late-free", "--emulated")
    found = entries()
    expect([(e["kernel"], e["what"], e["avoid"], e["count"]) for e in found] ==
           [("naive_conv_fwd_nchw_fp32", "hang", "auto", 1), ("naive_conv_fwd_nchw_fp32", "by-hand", "host", 1),
            ("Im2d2Col", "use-after-free", "late-free", 2), ("", "by-hand", "auto", 1)], found)
    expect(found[0]["code"] == CODE and found[0]["gpu"] == "gfx1010" and found[2]["emulated"] and not found[0]["emulated"], found)
    # ---- list and explain ----
    for width in (80, 120):
        text = quarantine("list", width=width).stdout
        for words in ("  1  naive", "use-after-free", "any emulated", "free later", "code 0123456789ab...", "counts there alone"):
            expect(words in text or width == 80 and words.startswith("code"), f"no {words}: {text}")
    text = quarantine("explain").stdout
    for words in ("1: kernel naive_conv_fwd_nchw_fp32", "it hung", "2 times", "On gfx1010.", "it says nothing of a card",
                  "4: any kernel of a code object", CODE, "Another build of it is left alone",
                  "Others of this kernel are left alone", "the host computes it", f"    {TOOL} quarantine remove 3\n"):
        expect(words in text.replace("\n      ", " "), f"no {words}: {text}")
    expect(quarantine("explain", "2").stdout.startswith("2: kernel naive") and "Im2d2Col" not in quarantine("explain", "2").stdout, "one")
    # ---- what is asked wrongly ----
    for arguments, status, words in (
            (("remove", "--kernel", "naive_conv_fwd_nchw_fp32"), 1, "2 entries are of naive_conv_fwd_nchw_fp32: give the number of one (1, 2)"),
            (("remove", "--kernel", "Im2d2Coll"), 1, "Was Im2d2Col meant?"), (("remove", "--kernel", "unheard_of"), 1, "no entry is of unheard_of"),
            (("remove", "5"), 1, "they go from 1 to 4"), (("remove", "0"), 1, "they go from 1 to 4"), (("explain", "99999999999999999999"), 1, "from 1 to 4"),
            (("remove", "-1"), 2, "unknown option -1"), (("remove", "one"), 1, "is no number of an entry"), (("remove",), 2, "takes one of"),
            (("remove", "1", "--all"), 2, "takes one of"), (("remove", "1", "2"), 2, "what is 2?"), (("list", "x"), 2, "what is x?"),
            (("explian",), 2, "Was explain meant?"), (("do",), 2, "it takes list"), (("add",), 2, "--kernel, --code or --problem"),
            (("add", "--kernel", ""), 2, "is empty"), (("add", "--kernel", "k" * 300), 2, "longer than 255"),
            (("add", "--code", "12"), 2, "64 hexadecimal digits"), (("add", "--code", CODE + "0"), 2, "more than 64"),
            (("add", "--kernel", "k", "--gpu", "navi"), 2, "gfx1010"), (("add", "--kernel", "k", "--what", "melted"), 2, "page-fault"),
            (("add", "--kernel", "k", "--avoid", "it"), 2, "late-free"), (("add", "--kernel"), 2, "needs a value"),
            (("add", "--kernel", "k", "--json"), 2, "does not take --json"), (("list", "--kernel", "k"), 2, "does not take --kernel"),
            (("list", "--gpu", "gfx1010"), 2, "options of add"), (("--bad",), 2, "unknown option --bad")):
        run = quarantine(*arguments, status=status)
        expect(words in run.stderr and not run.stdout, f"{arguments}: {run}")
    # ---- remove ----
    expect("Im2d2Col (use-after-free) is not in quarantine any more" in said("remove", "--kernel", "Im2d2Col.kd"), "by name")
    quarantine("remove", "1")
    expect([e["avoid"] for e in entries()] == ["host", "auto"], "by number")
    expect("2 entries were" in said("remove", "--all") and entries() == [], "all")
    expect("has no entry" in said(), "empty")


def by_hand():
    """An editor's file: comments, another version's keys, nonsense; and names that are no friends of terminals."""
    with open(FILE, "w") as f:
        f.write('# mine\nkernel="evil\\x1b[31m name" trace="/tmp/\\x1b[2J" what=hang\nkernel=k newer=yes # mine, too\nkernel=k what=melted\n')
    run = quarantine()
    expect("1 line of" in run.stderr and "\x1b" not in run.stdout and "evil" in run.stdout, run)
    expect("\x1b" not in quarantine("explain").stdout, "explain")
    expect(json.loads(quarantine("list", "--json").stdout)["lines_not_read"] == 1, "JSON")
    quarantine("add", "--kernel", "k")
    with open(FILE) as f:
        text = f.read()
    expect(text.startswith("# mine\n") and "newer=yes" in text and "# mine, too\n" in text and "kernel=k what=melted\n" in text, text)
    with open(FILE, "a") as f:
        f.write("nonsense\n")
    quarantine("add", "--kernel", "j")
    aside = [n for n in os.listdir(os.path.dirname(FILE)) if ".damaged-" in n]
    with open(FILE) as f:
        expect(len(aside) == 1 and "nonsense" not in f.read(), f"{aside}")
    with open(f"{os.path.dirname(FILE)}/{aside[0]}") as f:
        expect(f.read() == text + "nonsense\n", "kept aside")
    # Two that remove the same.
    runs = []
    threads = [threading.Thread(target=lambda: runs.append(sh(TOOL, "quarantine", "-f", FILE, "remove", "1"))) for _ in range(4)]
    before = len(entries())
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    gone = sum(r.returncode == 0 for r in runs)
    expect(before - len(entries()) == gone, f"{runs}")
    for r in runs:
        expect(r.returncode == 0 or "changed by another process" in r.stderr or "no entry" in r.stderr, r)


def places():
    home = f"{T}/home"
    os.mkdir(home)
    expect(quarantine("path", file=None, HOME=home, XDG_STATE_HOME="").stdout == f"{home}/.local/state/rdna1-trace/quarantine\n", "HOME")
    expect(quarantine("path", file=None, HOME=home, XDG_STATE_HOME=f"{T}/x").stdout == f"{T}/x/rdna1-trace/quarantine\n", "XDG")
    expect("name the quarantine's file" in quarantine("path", file=None, status=1, HOME="", XDG_STATE_HOME="").stderr, "none")
    quarantine("add", "--kernel", "k", file=None, HOME=home, XDG_STATE_HOME="")
    made = f"{home}/.local/state/rdna1-trace"
    expect(stat.S_IMODE(os.stat(made).st_mode) == 0o700 and stat.S_IMODE(os.stat(f"{made}/quarantine").st_mode) == 0o600, "modes")
    os.symlink(f"{made}/quarantine", f"{T}/link")
    expect("symbolic link" in quarantine("add", "--kernel", "j", file=f"{T}/link", status=1).stderr, "link")
    expect("symbolic link" in quarantine("list", file=f"{T}/link", status=1).stderr, "link")
    expect("is a directory" in quarantine("add", "--kernel", "j", file=T, status=1).stderr, "directory")
    expect("it is a directory" in quarantine("list", file=T, status=1).stderr, "directory")
    with open(f"{T}/large", "w") as f:
        f.truncate(2 << 20)
    expect("1 MiB" in quarantine("add", "--kernel", "j", file=f"{T}/large", status=1).stderr, "large")
    lock = open(f"{made}/quarantine.lock")
    import fcntl
    fcntl.flock(lock, fcntl.LOCK_EX)
    expect("held its lock for two seconds" in quarantine("add", "--kernel", "j", file=f"{made}/quarantine", status=1).stderr, "lock")
    lock.close()
    with open("/dev/full", "w") as f:
        run = subprocess.run([TOOL, "quarantine", "-f", f"{made}/quarantine"], stdout=f, stderr=subprocess.PIPE, text=True)
        expect(run.returncode == 1 and "cannot write" in run.stderr, f"{run}")


def disks():
    """On small disks of our own, in a mount namespace: nothing of it stays."""
    if not ROOT or sh("unshare", "-m", "true").returncode:
        print("full and read-only disks: not shown, no mount namespace can be made here")
        return
    disk = f"{T}/disk"
    os.mkdir(disk)
    mount = f"mount -t tmpfs -o size=128k none {disk} && mountpoint -q {disk} && "
    run = sh("unshare", "-m", "--propagation", "private", "sh", "-c", mount + f"{BUILD}/tests/unit/test_quarantine full {disk}")
    expect(run.returncode == 0, run)
    run = sh("unshare", "-m", "--propagation", "private", "sh", "-c", mount +
             f"{TOOL} quarantine -f {disk}/q add --kernel k && mount -o remount,ro {disk} && {TOOL} quarantine -f {disk}/q && "
             f"! {TOOL} quarantine -f {disk}/q add --kernel j && ! {TOOL} quarantine -f {disk}/q remove 1 && "
             f"! {TOOL} quarantine -f {disk}/new/q add --kernel j")
    expect(run.returncode == 0 and run.stderr.count("cannot be written to") == 3, run)
    expect(not os.listdir(disk), "it is gone")


def sudo():
    """What root writes for a user is the user's, in the user's home."""
    if not ROOT:
        return
    home = f"{T}/users-home"
    os.mkdir(home)
    os.chown(home, 65534, 65534)
    for folder in (T, os.path.dirname(T)):
        os.chmod(folder, os.stat(folder).st_mode | 0o111)
    reachable = sh("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "ls", home).returncode == 0
    if not reachable:
        print("sudo: not shown, another user cannot get here")
        return
    # A process that gave up root cannot be searched for leaks.
    env = {"SUDO_UID": "65534", "SUDO_GID": "65534", "XDG_STATE_HOME": f"{home}/state",
           "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "detect_leaks=0")}
    quarantine("add", "--kernel", "k", file=None, **env)
    for path in ("state", "state/rdna1-trace", "state/rdna1-trace/quarantine", "state/rdna1-trace/quarantine.lock"):
        expect(os.stat(f"{home}/{path}").st_uid == 65534, path)


OFF = ("--emulate", "--quarantine=off")  # the run itself writes nothing


def traces():
    conv2d = workload("conv2d")
    file = f"{T}/of-traces"

    def report(r, **kw):
        run = sh(TOOL, "report", f"--quarantine={file}", r.dir, env={**LEAKS, "COLUMNS": "80"})
        expect(run.returncode == 0 and "of the emulated device" in run.stdout, run)
        return " ".join(run.stdout.split()) + " "

    r = record("right", conv2d)
    expect("nothing: no failure of a kernel was recorded" in report(r) and not os.path.exists(file), "nothing failed")
    r = record("trap", conv2d, "--fault", "trap", options=OFF)
    expect("written: exception of conv2d_trap " in report(r), "trap")
    expect("not written again: exception of conv2d_trap: entry 1 is of this trace" in report(r), "again")
    r = record("uaf", conv2d, "--fault", "uaf", options=OFF)
    expect("written: use-after-free of conv2d_direct" in report(r), "use after free")
    r = record("aperture", conv2d, "--fault", "aperture", options=OFF)
    expect("not written: aperture violation (0x29): the program passed a wrong pointer (argument +16)" in report(r), "a wrong pointer")
    r = record("injected", conv2d, options=("--emulate=fault:page@2", "--quarantine=off"))
    expect("not written: page fault: --emulate= asked for it" in report(r), "injected")
    conv = os.path.join(BUILD, "miopen", "conv")
    env = {**os.environ, "HSA_OVERRIDE_GFX_VERSION": "10.3.0", "RDNA1_STANDIN": "hang"}
    r = record("hang", conv, "--size", "44", "--out", "4", options=(*OFF, "--watchdog=1", "--on-hang=abort"), env=env)
    expect("written: hang of naive_conv_fwd_nchw_fp32" in report(r), "hang")
    found = entries(file)
    expect([(e["kernel"], e["what"], e["avoid"]) for e in found] ==
           [("conv2d_trap", "exception", "auto"), ("conv2d_direct", "use-after-free", "late-free"),
            ("naive_conv_fwd_nchw_fp32", "hang", "auto")], found)
    for e in found:
        expect(e["emulated"] and not e["suspect"] and e["gpu"] == "gfx1010" and e["rocm"] == "5.2.3" and e["count"] == 1 and
               len(e["code"]) == 64 and os.path.isdir(e["trace"]), e)
    expect(not any(e["problem"] for e in found), found)
    expect(found[2]["isa"] == "gfx1030" and found[0]["isa"] == "gfx1010", found)
    expect(abs(found[2]["last_s"] - os.stat(f"{r.dir}/session.json").st_mtime) < 60, found[2])
    text = said("explain", "3", file=file)
    expect("took for gfx1030" in text and f"report {T}/hang" in text, text)
    shutil.rmtree(f"{T}/hang")
    expect("is not there any more" in said("explain", "3", file=file), "its trace is gone")
    for arguments, words in ((("--quarantine=",), "the name of a file"), (("--quarantine", "--all"), "no other option")):
        run = sh(TOOL, "report", *arguments, f"{T}/right", env=LEAKS)
        expect(run.returncode == 2 and words in run.stderr, run)
    run = sh(TOOL, "report", f"--quarantine={T}", f"{T}/trap", env=LEAKS)
    expect(run.returncode == 1 and "is a directory" in run.stderr, run)


commands()
by_hand()
places()
disks()
sudo()
traces()
done("what is typed, what an editor leaves, disks, users, traces")
