#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is said about bad input: one clear message, exit status 2 for usage and 1 otherwise."""
import json
import shutil

from rdna1 import *

os.makedirs(os.path.join(T, "cwd"))
os.chdir(os.path.join(T, "cwd"))


def says(status, words, *arguments, **kw):
    run = sh(TOOL, *arguments, **kw)
    expect(run.returncode == status and all(w in run.stderr for w in words) and
           run.stderr.startswith("rdna1-trace: ") and not run.stdout,
           f"rdna1-trace {arguments}: status {run.returncode}, not {status}; says\n{run.stderr}"
           f"{run.stdout}not {words}")


# ---- usage: status 2, and where to read on ----
TRY = f"Try '{TOOL} --help'."
says(2, ["no command", TRY])
says(2, ["no command", TRY], "run")
says(2, ["no command", TRY], "--emulate", "--")
says(2, ["list stands alone"], "--emulate=list", "--", "true")
says(2, ["list stands alone"], "--emulate=gfx1010,list", "--", "true")
says(2, ["twice", "--emulate=2,svm"], "--emulate=2", "--emulate=svm", "--", "true")
says(1, ["no such command", "without a space: --emulate=2"], "--emulate", "2", "--", "true")
says(2, ["unknown option --nonsense", TRY], "--nonsense", "--", "true")
says(2, ["unknown option -z", TRY], "-qz", "--", "true")
says(2, ["-o needs a value", TRY], "-o")
says(2, ["--wait takes command or all", "'some'", TRY], "--wait=some", "--", "true")
says(2, ["--wait needs a value", TRY], "--wait")
says(2, ["--sync", "'soon'", TRY], "--sync", "soon", "--", "true")
says(2, ["--ring-mb", "'3'", TRY], "--ring-mb", "3", "--", "true")
says(2, ["--ring-mb", "'-1'", TRY], "--ring-mb=-1", "--", "true")
for bad in ("", "1M", "2047K", "65G", "2m", "64MB", "-4M", "all"):
    says(2, ["--max-size takes a size from 2M to 64G", f"'{bad}'", TRY], f"--max-size={bad}", "--", "true")
for bad in ("x", "kfd,x", "always", "kfd,", "", "KFD"):
    says(2, ["--trace knows no", "kfd,vm,bo,fault,queue", "default,all", TRY], "--trace", bad, "--", "true")
for option, takes in (("--timing", "off, sampled:N"), ("--code-objects", "used, all or off"),
                      ("--watchdog", "seconds (0 to 86400"), ("--on-hang", "report, abort or signal:N"),
                      ("--dispatch", "doorbell or intercept")):
    for bad in ("x", "", "all ", "sampled:0", "sampled:", "sampled:N", "signal:0", "signal:65", "-1", "86401", "N"):
        says(2, [f"{option} takes {takes}", f"not '{bad}'", TRY], f"{option}={bad}", "--", "true")
    says(2, [f"{option} needs a value"], option)
    good = takes.split(",")[0].split()[0] if option != "--watchdog" else "5"
    says(2, [f"{option} is for the agent: with -p there is none"], f"{option}={good}", "-p", "1")
says(2, ["--callsite is for the agent"], "--callsite", "-p", "1")
says(2, ["--roctx is for the agent"], "--roctx", "-p", "1")
says(2, ["unknown option --callsite=on"], "--callsite=on", "--", "true")
says(2, ["--timing=off, but RDNA1_TRACE_OPTIONS has timing=all", TRY], "--timing=off", "--", "true",
     env={**os.environ, "RDNA1_TRACE_OPTIONS": "x=1 timing=all"})
says(2, ["unknown option --bad", f"Try '{TOOL} report --help'."], "report", "--bad")
says(2, ["one trace directory", f"Try '{TOOL} report --help'."], "report", "a", "b")
says(2, ["unknown option -z", f"Try '{TOOL} dump --help'."], "dump", "-z")
says(2, ["--format needs a value", f"Try '{TOOL} dump --help'."], "dump", "--format")
says(2, ["text or json", "'xml'", f"Try '{TOOL} dump --help'."], "dump", "--format", "xml", "x")

# ---- what cannot be run: status 1, nothing left behind ----
run = sh(TOOL, "--help")
COMMANDS = sorted(set(re.findall(r"rdna1-trace ([a-z]+) ", run.stdout.split("\nOptions")[0])) - {"records"} | {"run"})
run = sh(TOOL, "no-such-command")
expect(sorted(re.search(r"or of ours \((.*)\)$", run.stderr.strip())[1].split(", ")) == COMMANDS and len(COMMANDS) == 12,
       f"{COMMANDS}\n{run.stderr}")
says(1, ["cannot run no-such-command", "no such command"], "no-such-command")
for typed, meant in (("repport", "report"), ("Report", "report"), ("chek", "check"), ("inof", "info"), ("comapre", "compare"),
                     ("rule", "rules"), ("sacn", "scan"), ("help", "--help")):
    says(1, [f"cannot run {typed}: there is no such command. Was {TOOL} {meant} meant?"], typed, "x")
for typed in ("pyton", "zz", "train"):
    expect("Was " not in sh(TOOL, typed).stderr, typed)

# ---- a rule's name ----
for typed in ("Hang", "MISSING-KDB"):
    run = sh(TOOL, "rules", typed)
    expect(run.returncode == 0 and run.stdout.startswith(typed.lower() + " ("), run)
for typed, meant in (("foreigncode", "foreign-code"), ("page_fault", "page-fault"), ("no-slover", "no-solver")):
    says(2, [f"there is no rule {typed}. Was {meant} meant?", f"Try '{TOOL} rules --help'"], "rules", typed)
says(2, ["there is no rule everything; without ID all are listed"], "rules", "everything")
says(1, ["cannot run ./nothing"], "--emulate", "--", "./nothing")
says(1, ["cannot run /etc/passwd", "not executable"], "/etc/passwd")
says(1, ["cannot run /", "directory"], "--", "/")
expect(not os.listdir("."), f"left behind: {os.listdir('.')}")

# ---- directories ----
os.mkdir("there")
says(1, ["there is there already", "-o"], "-o", "there", "--", "true")
expect(not os.listdir("there"), "an existing directory was written to")
says(1, ["no/such/place", "-o"], "-o", "no/such/place", "--", "true")
says(1, ["/proc/x", "-o"], "-o", "/proc/x", "--", "true")
says(1, ["no trace in this directory", f"record with {TOOL} -- COMMAND"], "report")
says(1, ["no trace in this directory"], "dump")

# ---- what the agent is told ----
def told(name, words, *options):
    """RDNA1_TRACE_OPTIONS of the command, where the user's is words (None: not set)."""
    env = {k: v for k, v in os.environ.items() if k != "RDNA1_TRACE_OPTIONS"}
    if words is not None:
        env["RDNA1_TRACE_OPTIONS"] = words
    run = sh(TOOL, *options, "-o", name, "--", "printenv", "RDNA1_TRACE_OPTIONS", env=env)
    expect(run.returncode == 0, run.stderr)
    expect(("dir= of RDNA1_TRACE_OPTIONS is left out" in run.stderr) == ("dir=" in (words or "")), run.stderr)
    text = run.stdout.rstrip("\n")
    prefix = f"dir={os.getcwd()}/{name}".replace(" ", "\\ ")
    shutil.rmtree(name)
    expect(text.startswith(prefix), text)
    return text[len(prefix):]


expect(told("plain", None) == "", "no option, no word")
expect(told("a b", "") == "", "an empty one")
expect(told("all", None, "--callsite", "--timing=sampled:16", "--code-objects", "all", "--watchdog=0",
            "--on-hang=signal:6", "--dispatch=intercept") ==
       " callsite=on timing=sampled:16 code-objects=all watchdog=0 on-hang=signal:6 dispatch=intercept", "each")
expect(told("last", None, "--timing=all", "--timing=off") == " timing=off", "given twice: the last")
expect(told("kept", 'buffer=64M color="light  blue" watchdog=3 x\\"y', "--timing=off") ==
       ' buffer=64M color=light\\ \\ blue watchdog=3 x\\"y timing=off', "the user's words stay")
expect(told("dir", 'dir="/some where" timing=all "open', "--timing=all", "--callsite") ==
       " open callsite=on timing=all", "but for dir=, and none twice")

# ---- what is not a trace ----
open("file", "w").write("hello\n")
says(1, ["file: not a trace"], "report", "file")
says(1, ["there: not a trace"], "dump", "there")
says(1, ["missing: No such file"], "report", "missing")
os.makedirs("foreign/ctf")
open("foreign/ctf/metadata", "w").write("/* CTF 1.8 */\ntrace { major = 1; minor = 8; };\n")
says(1, ["not one of rdna1-trace", "babeltrace2"], "report", "foreign")
open("foreign/ctf/metadata", "w").write("garbage\n")
says(1, ["not a trace"], "report", "foreign")
open("foreign/ctf/metadata", "w").write("/* CTF 1.8 */\nrdna1_format = 9999;\n")
says(1, ["trace format 9999", "version"], "report", "foreign")

# ---- a default directory, and the newest trace ----
shutil.rmtree("foreign")
expect(sh(TOOL, "-q", "--", "true").returncode == 0, "true")
made = [d for d in os.listdir(".") if d.startswith("rdna1-trace-true-")]
expect(len(made) == 1, f"default directory: {os.listdir('.')}")
run = sh(TOOL, "report")
expect(run.returncode == 0 and "command: true\n" in run.stdout, run.stdout + run.stderr)
expect(sh(TOOL, "run", "-q", "-o", "newer", "sh", "-c", "exit 0").returncode == 0, "run")
expect("command: sh -c 'exit 0'\n" in sh(TOOL, "report").stdout, "report takes the newest")
expect(sh(TOOL, "dump").stdout.count("session(phase=begin") == 1, "dump takes the newest")

# ---- a truncated trace: what is there is shown, what is not is said ----
full = dump("newer")
name = [n for n in os.listdir("newer/ctf") if n.startswith("recorder_") and "counts" not in n][0]
for cut in (0, 10, 72, 100, 333):
    shutil.copytree("newer", "cut")
    os.truncate(f"cut/ctf/{name}", cut)
    run = sh(TOOL, "dump", "--format", "json", "cut")
    got = run.stdout.splitlines()
    expect(run.returncode == 0 and len(got) < len(full), f"cut at {cut}: {run.returncode}")
    expect("left out: " in run.stderr and "rdna1-trace recover cut" in run.stderr, f"cut at {cut}: {run.stderr}")
    expect(sh(TOOL, "report", "cut").returncode == 0, f"report of a trace cut at {cut}")
    shutil.rmtree("cut")

# ---- what was asked for of the kernel's side ----
if ROOT:
    for words, expected in ((["--trace=fault,bo"], "bo,fault"), (["--trace", "kfd", "--trace=vm"], "kfd,vm"), ([], None)):
        run = sh(TOOL, "-q", *words, "-o", "asked", "--", "true")
        expect(run.returncode == 0, run.stderr)
        with open("asked/session.json") as f:
            session = json.load(f)
        on = {h["name"].split("/")[-1].rstrip(")") for h in session["hooks"] if h["on"]}
        expect(session["trace"] == (expected or "kfd,vm,bo,fault,queue"), session["trace"])
        expect({"sched_process_fork", "sched_process_exec", "sched_process_exit"} <= on and
               ("sys_exit" in on) == ("kfd" in session["trace"]), f"{words}: {on}")
        off = [h for h in session["hooks"] if h.get("reason") == "not asked for with --trace"]
        expect(off or not expected, f"{words}: {session['hooks']}")
        expect(not any(h["needed"] for h in off), f"{off}")
        said = f"--trace={expected} was given"
        expect((said in sh(TOOL, "report", "asked").stdout) == bool(expected), f"{words}: {said}")
        shutil.rmtree("asked")

# ---- a library of ours that is missing ----
os.mkdir("bin")
shutil.copy(TOOL, "bin/rdna1-trace")
run = sh("bin/rdna1-trace", "--", "true")
expect(run.returncode == 1 and "librdna1-agent.so.1 is not beside" in run.stderr and
       "make" in run.stderr, run.stderr)
shutil.copy(os.path.join(BUILD, "librdna1-agent.so.1"), "bin")
run = sh("bin/rdna1-trace", "--emulate", "--", "true")
expect(run.returncode == 1 and "librdna1-emu.so is not beside" in run.stderr, run.stderr)
expect(sh("bin/rdna1-trace", "-q", "--", "true").returncode == 0, "the agent is enough without --emulate")

# ---- help and version ----
for args in (["--help"], ["-h"], ["report", "--help"], ["dump", "-h"], ["info", "-h"], ["run", "--help"]):
    run = sh(TOOL, *args)
    expect(run.returncode == 0 and "usage: rdna1-trace" in run.stdout and not run.stderr, f"{args}")
    expect(all(len(l) <= 100 for l in run.stdout.splitlines()), f"{args}: too wide")
expect(sh(TOOL, "--version").stdout.startswith("rdna1-trace "), "--version")

# ---- output that cannot be written is an error, not silence ----
with open("/dev/full", "w") as f:
    for command in ("report", "dump"):
        run = subprocess.run([TOOL, command, "newer"], stdout=f, stderr=subprocess.PIPE, text=True)
        expect(run.returncode == 1 and "cannot write" in run.stderr, f"{command}: {run}")
print("every mistake has its message")
