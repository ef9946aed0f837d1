#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pack: an archive that every reader reads, with the same events, from which the names of a user and of machines
are gone, and which says what it holds."""
import hashlib
import shutil
import tarfile

from rdna1 import *

os.chdir(T)
NAME, HOST = "kevinx", "blue-whale"
home = os.path.join(T, "home", NAME)
os.makedirs(home)
shutil.copy(workload("conv2d"), home)
ENV = {**LEAKS, "USER": NAME, "LOGNAME": NAME, "HOME": f"/home/{NAME}", "HIP_NOTE": f"/home/{NAME}/x;10.1.2.3;{NAME}",
       "MIOPEN_USER_DB_PATH": f"/home/{NAME}/.config", "ROC_NOTE": "fe80::1ff:fe23:4567:890a de:ad:be:ef:00:01 5.2.3.1",
       "PATH": f"{os.environ['PATH']}:/home/{NAME}/bin"}
# What is recorded is not searched for leaks: that stops threads, and the device's are among them.
RECORDED = {**ENV, "ASAN_OPTIONS": "detect_leaks=0"}


def pack(*arguments, status=0, **kw):
    run = sh(TOOL, "pack", *arguments, env=ENV, **kw)
    expect(run.returncode == status, f"pack {arguments}: {run}")
    expect("Sanitizer" not in run.stderr and "runtime error" not in run.stderr, run.stderr)
    return run


def unpack(archive, to):
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        for m in tar.getmembers():
            expect(m.isreg() and m.uid == m.gid == 0 and not m.uname and ".." not in m.name.split("/") and
                   m.mode == 0o644 and m.name[0] != "/", f"{m.name}: {m.get_info()}")
        tar.extractall(to)
    tops = {n.split("/")[0] for n in names}
    expect(len(tops) == 1, f"several directories: {tops}")
    return os.path.join(to, tops.pop())


def all_bytes(top):
    found = {}
    for folder, _, files in os.walk(top):
        for name in files:
            with open(os.path.join(folder, name), "rb") as f:
                found[os.path.relpath(os.path.join(folder, name), top)] = f.read()
    return found


def hide(text):
    return re.sub(r"10\.1\.2\.3|fe80::1ff:fe23:4567:890a|de:ad:be:ef:00:01", lambda m: re.sub("[0-9a-f]", "0", m[0]),
                  text.replace(NAME, "USER__"))


# ---- a fault, of a program in somebody's home ----
r = sh(TOOL, "-q", "--emulate", "-o", f"trace-{NAME}", "--", f"{home}/conv2d", "--fault", "oob", env=RECORDED)
original = f"trace-{NAME}"
before = all_bytes(original)
with open(f"{original}/notes.txt", "w") as f:
    f.write("mine")
os.mkfifo(f"{original}/ctf/agent_1_1.7")
os.symlink("/etc/passwd", f"{original}/session.99.json")
run = pack(original)
archive = "trace-USER__.tar.gz"
expect(os.path.exists(archive) and f"into {archive}" in run.stdout, run)
expect("notes.txt" in run.stdout and "ctf/agent_1_1.7" in run.stdout and "session.99.json" in run.stdout, run.stdout)
for word in ("user names: ", "IP addresses: ", "hardware addresses: ", "tar tzf trace-USER__.tar.gz", "command line",
             "machine code of kernels (1 file)", f"&& {TOOL} report trace-USER__ "):
    expect(word in run.stdout, f"no '{word}':\n{run.stdout}")
for line in run.stdout.splitlines():
    expect(len(line.replace(TOOL, "rdna1-trace")) <= 110, f"long: {line}")
out = unpack(archive, "out")
expect(out == "out/trace-USER__", out)
after = all_bytes(out)
for name, data in after.items():
    expect(NAME.encode() not in data and b"10.1.2.3" not in data and b"890a de" not in data, f"{name} names somebody")
expect(b"5.2.3.1" in after["session.json"], "a version was taken for an address")
expect({n for n in after if not n.startswith("pack/")} == set(before), f"{set(after) ^ set(before)}")
expect(all(len(after[n]) == len(before[n]) for n in before), "a length changed")
expect(all(after[n] == before[n] for n in before if n.startswith("code-objects/")), "code changed")
json.loads(after["session.json"])
os.unlink(f"{original}/session.99.json")
os.unlink(f"{original}/ctf/agent_1_1.7")

# ---- its events are the same but for the names, by our reader and by babeltrace2 ----
lines = [sh(TOOL, "dump", "--format", "json", d, env=LEAKS).stdout for d in (original, out)]
expect(lines[1] == hide(lines[0]) and lines[1].count("\n") > 100, "events differ")
expect("USER__" in lines[1], "no name was in an event: nothing was tested")
compare_ctf(out, 100)
for command in ("report", "info"):
    ours, theirs = (sh(TOOL, command, d, env={**LEAKS, "COLUMNS": "100"}).stdout for d in (original, out))
    expect(hide(ours) == theirs or command == "info", f"{command} differs:\n{theirs}")
    expect(theirs, command)
counts = re.findall(r"^  (\S.*): (\d+)$", run.stdout, re.M)
readme = after["pack/README.txt"].decode()
expect(len(counts) >= 3 and counts == re.findall(r"^  (\S.*): (\d+)$", readme, re.M), f"{counts}\n{readme}")
expect("(USER_, HOST_)" in readme and "rdna1-trace report trace-USER__\n" in readme and TOOL not in readme, readme)
expect(b"page fault" in after["pack/report.txt"] and b"emulated device: " in after["pack/info.txt"] and
       b"EMULATED" in after["pack/README.txt"], "texts")
manifest = json.loads(after["pack/MANIFEST.json"])
expect({f["name"]: (f["bytes"], f["sha256"]) for f in manifest["files"]} ==
       {n: (len(d), hashlib.sha256(d).hexdigest()) for n, d in after.items() if n != "pack/MANIFEST.json"}, "manifest")
expect(manifest["emulated"] is True and manifest["other_files_left_out"] == 3 and
       manifest["replaced"]["user names"] > 3 and manifest["replaced"]["IP addresses"] >= 2, manifest)

# ---- the host's name, of another machine in a UTS namespace ----
if ROOT:
    run = sh("unshare", "--uts", "sh", "-c", f'hostname {HOST} && HIP_NOTE=at-{HOST}.lan "$@"', "sh", TOOL, "-q", "--emulate",
             "-o", "host", "--", workload("vector"), env=RECORDED)
    expect(run.returncode == 0, run)
    run = sh("unshare", "--uts", "sh", "-c", f'hostname {HOST} && exec "$@"', "sh", TOOL, "pack", "host", env=ENV)
    expect(run.returncode == 0 and "host names: " in run.stdout, run)
    data = all_bytes(unpack("host.tar.gz", "out"))
    expect(not any(HOST.encode() in d for d in data.values()) and b"at-HOST______.lan" in data["session.json"], "host")

# ---- nothing to replace; names that are words of every trace; one in brackets ----
plain = {k: v for k, v in LEAKS.items() if k not in ("USER", "LOGNAME", "SUDO_USER")}
run = sh(TOOL, "-q", "-o", "plain", "--", "true", env={**plain, "PATH": "/usr/bin:/bin", "HOME": "/"})
expect(run.returncode == 0, run)
run = sh(TOOL, "pack", "plain", env={**plain, "USER": "kernel", "HOME": "/root"})
data = all_bytes(unpack("plain.tar.gz", "plain-out"))
expect("replaced behind /home/ only: kernel" in run.stdout and "root" not in run.stdout.split("only: ")[1] and
       "\n  grep -rwI -e kernel" in run.stdout, run.stdout)
replaced = re.search(r"^  \S.*: \d+$", run.stdout, re.M)
expect(bool(replaced) == (b"Replaced, by kind:\n  " in data["pack/README.txt"]) and
       bool(replaced) != (b"Nothing of them was there" in data["pack/README.txt"]), data["pack/README.txt"])

# ---- without code; into a place of one's own; nothing is written over ----
run = pack("--no-code", "-o", "other name.tgz", original)
data = all_bytes(unpack("other name.tgz", "out2"))
expect(not any(n.startswith("code-objects") for n in data) and "Left out by --no-code: 1" in run.stdout and
       "'other name.tgz'" in run.stdout and json.loads(data["pack/MANIFEST.json"])["code_objects"] is False, run)
run = pack(original, status=1)
expect("is there already" in run.stderr and not run.stdout, run)
run = pack("-o", "missing/x.tgz", original, status=1)
expect("No such file" in run.stderr, run)
run = pack("-o", "small.tgz", original, status=1, preexec_fn=lambda: __import__("resource").setrlimit(1, (4096, 4096)))
expect("File too large" in run.stderr and not [n for n in os.listdir(".") if n.startswith("small")], run)

# ---- what is not one, or not yet ----
for directory, words in (("out", "not a trace"), ("nowhere", "No such file"), (f"{original}/ctf", "give the one that")):
    run = pack("-o", "x.tgz", directory, status=1)
    expect(words in run.stderr and not os.path.exists("x.tgz"), f"{directory}: {run.stderr}")
run = record("live", "sh", "-c", f"{TOOL} pack -o {T}/live.tgz {T}/live; echo status $?", options=())
expect("status 1" in run.out and "still being recorded" in run.err and not os.path.exists("live.tgz"), run.out + run.err)
for arguments, words in ((("--bad",), "unknown option --bad"), (("-o",), "needs a value"), (("a", "b"), "one trace")):
    expect(words in pack(*arguments, status=2).stderr, arguments)

# ---- damaged: what is whole is packed, nothing that was not gone through ----
shutil.copytree(original, "damaged")
chunk = max((n for n in os.listdir("damaged/ctf") if n.startswith("agent") and "counts" not in n),
            key=lambda n: len(before[f"ctf/{n}"].rstrip(b"\0")))
with open(f"damaged/ctf/{chunk}", "r+b") as f:
    f.seek(72 + 2048)
    f.write(b"\xff" * 64 + f"/home/{NAME}".encode())
with open("damaged/ctf/kernel_7.0", "wb") as f:
    f.write(f"/home/{NAME}".encode() * 100)
run = pack("damaged")
data = all_bytes(unpack("damaged.tar.gz", "out"))
expect(not any(NAME.encode() in d for d in data.values()) and "ctf/kernel_7.0" not in data, "damaged")
ours, theirs = (sh(TOOL, "dump", "--format", "json", d, env=LEAKS).stdout for d in ("damaged", "out/damaged"))
expect(hide(ours).count("\n") == theirs.count("\n") > 50, "events of the damaged trace")

# ---- the agent alone; a big one within little memory ----
run = sh(TOOL, "-q", "--emulate", "-o", f"{T}/outer", "--", "env", f"HSA_TOOLS_LIB={BUILD}/librdna1-agent.so.1",
         f"RDNA1_TRACE_OPTIONS=dir={T}/alone", workload("vector"), env=RECORDED)
expect(run.returncode == 0, run)
pack("alone")
data = all_bytes(unpack("alone.tar.gz", "out"))
expect([n for n in data if re.fullmatch(r"session\.\d+\.json", n)] and NAME.encode() not in b"".join(data.values()), "alone")
done("packed traces are read alike, and name nobody")
