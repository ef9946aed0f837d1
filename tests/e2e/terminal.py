#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sessions on a terminal: transcript and status are the same with and without rdna1-trace."""
import fcntl
import pty
import re
import select
import struct
import termios
import time

from rdna1 import *

WITHIN = 30  # seconds for what comes at once: then it does not come
PYTHON = "/usr/bin/python3"
os.environ.update(TERM="dumb", PS1="$ ", HISTFILE="/dev/null", LC_ALL="C")
os.environ.pop("PROMPT_COMMAND", None)


class Session:
    def __init__(self, *command, **env):
        self.text = ""
        self.seen = 0  # what was waited for
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.execvpe(command[0], command, {**os.environ, **env})

    def more(self):
        """Read on; False at the end."""
        if not select.select([self.fd], [], [], WITHIN)[0]:
            fail(f"nothing more comes after\n{self.text}")
        try:
            data = os.read(self.fd, 4096)
        except OSError:
            data = b""
        self.text += data.decode(errors="replace")
        return bool(data)

    def wait(self, pattern):
        """Until it is there, behind what was waited for before."""
        while not (m := re.compile(pattern, re.M).search(self.text, self.seen)):
            expect(self.more(), f"'{pattern}' does not come in\n{self.text}")
        self.seen = m.end()

    def send(self, text):
        os.write(self.fd, text.encode())

    def size(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def end(self):
        while self.more():
            pass
        os.close(self.fd)
        return self.status()

    def status(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def until(condition, what):
    end = time.monotonic() + WITHIN
    while not condition():
        expect(time.monotonic() < end, what)
        time.sleep(0.02)


def state(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rsplit(")", 1)[1].split()[0]


def python(name, text):
    path = os.path.join(T, name)
    with open(path, "w") as f:
        f.write("import os, signal, sys, time\nsay = lambda *w: os.write(1, (' '.join(map(str, w)) + '\\n').encode())\n" + text)
    return f"t {PYTHON} {path}"


# ---- under a shell with job control; each: what to wait for, what to type then ----
CAT = "t sh -c 'echo ready; exec cat'"
PROMPT = r"^\$ "
READY = r"^ready\r\n"  # whole lines before something is typed: the echo stands behind them
STOPPED = r"\[1\] ?\+ .*Stopped"
HANDLES = python("handles", """
def got(*_):
    say("got SIGINT")
    sys.exit(3)
signal.signal(signal.SIGINT, got)
say("ready")
while True:
    time.sleep(0.1)  # pause() would not see one that came just before it
""")
TIDIES = python("tidies", """
def stop(*_):
    time.sleep(0.2)
    say("tidied in the foreground:", os.tcgetpgrp(0) == os.getpgrp())
    signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTSTP)
def cont(*_):
    say("continued")
signal.signal(signal.SIGTSTP, stop)
signal.signal(signal.SIGCONT, cont)
say("ready")
say("read", sys.stdin.readline().strip())
""")
SIZES = python("sizes", """
def size(*_):
    say("size", *os.get_terminal_size(0))
signal.signal(signal.SIGWINCH, size)
size()
say("read", sys.stdin.readline().strip())
""")
GATE = f"{T}/gate"


def reads_in_background(s):
    """The job waits for us, so that the shell's prompt comes before its word of the stop."""
    with open(GATE, "w"):
        pass
    until(lambda: state(family(s.pid)[1]) == "T", "a job that reads in the background is not stopped")


STATUS = "echo status $?\n"
SHELL_SESSIONS = {
    "cat": [(PROMPT, CAT + "\n"), (READY, "one\n"), ("one\r\none\r\n", "two\n"), ("two\r\ntwo\r\n", "\x04"),
            (PROMPT, STATUS), (r"status \d+", "")],
    "cat-line": [(PROMPT, CAT + "\n"), (READY, "abc\x04"), ("abcabc", "\x04"), (r"\$ ", STATUS), ("status 0", "")],
    "interrupt": [(PROMPT, "t sh -c 'echo ready; exec sleep 100'\n"), (READY, "\x03"), (PROMPT, STATUS),
                  ("status 130", "")],
    "quit": [(PROMPT, "ulimit -c 0; t sh -c 'echo ready; exec sleep 100'\n"), (READY, "\x1c"), (PROMPT, STATUS),
             ("status 131", "")],
    "handled": [(PROMPT, HANDLES + "\n"), (READY, "\x03"), (PROMPT, STATUS), ("status 3", "")],
    "script": [(PROMPT, "sh -c 't sh -c \"echo ready; exec sleep 100\"; echo no'\n"), (READY, "\x03"), (PROMPT, STATUS),
               ("status 130", "")],
    "stop": [(PROMPT, CAT + "\n"), (READY, "one\n"), ("one\r\none\r\n", "\x1a"), (STOPPED, ""), (PROMPT, STATUS),
             (r"status \d+", ""), (PROMPT, "jobs\n"), (STOPPED, ""), (PROMPT, "fg\n"), (r"fg\r\n[^\n]*cat", "two\n"),
             ("two\r\ntwo\r\n", "\x1a"), (STOPPED, ""), (PROMPT, "fg\n"), (r"fg\r\n[^\n]*cat", "\x04"),
             (PROMPT, STATUS), ("status 0", "")],
    "tidies": [(PROMPT, TIDIES + "\n"), (READY, "\x1a"), ("tidied in the foreground: True", ""), (STOPPED, ""),
               (PROMPT, "fg\n"), ("continued\r\n", "x\n"), ("read x", ""), (PROMPT, STATUS), ("status 0", "")],
    "ignores": [(PROMPT, "t sh -c 'trap \"\" TSTP; echo ready; exec cat'\n"), (READY, "\x1a"), (r"\^Z", "x\n"),
                ("x\r\nx\r\n", "\x04"), (PROMPT, STATUS), ("status 0", "")],
    "background": [(PROMPT, "t sleep 0.2 & wait $!; echo over $?\n"), ("over 0", "")],
    "reads": [(PROMPT, f"t sh -c 'cat {GATE}; exec cat' &\n"), (PROMPT, reads_in_background), ("", "jobs\n"), (STOPPED, ""),
              (PROMPT, "fg\n"), (r"fg\r\n[^\n]*cat", "one\n"), ("one\r\none\r\n", "\x04"), (PROMPT, STATUS),
              ("status 0", "")],
    "size": [(PROMPT, SIZES + "\n"), ("size 80 24\r\n", (30, 100)), ("size 100 30\r\n", (24, 80)), ("size 80 24\r\n", "x\n"),
             ("read x", ""), (PROMPT, STATUS), ("status 0", "")],
    "killed": [(PROMPT, "t sh -c 'kill -TERM $$'\n"), (PROMPT, STATUS), ("status 143", "")],
}
# A shell with job control in it: in a process group of its own, which our signals do not reach by themselves.
NESTED = [(PROMPT, "t bash --norc --noprofile --noediting -i\n"), (PROMPT, "sh -c 'echo ready; exec sleep 100'\n"),
          (READY, "\x03"), (PROMPT, "sh -c 'echo ready; exec cat'\n"), (READY, "\x1a"), (STOPPED, ""),
          (PROMPT, "fg\n"), (r"fg\r\n[^\n]*cat", "one\n"), ("one\r\none\r\n", "\x04"), (PROMPT, "suspend\n"),
          (r"^\[1\].*Stopped.*bash", ""), (PROMPT, "fg\n"), (r"fg\r\n[^\n]*bash", ""), (PROMPT, "echo back\n"),
          (r"^back\r\n", ""), (PROMPT, "exit 4\n"), (PROMPT, STATUS), ("status 4", "")]
SHELLS = {"bash": ("bash", "--norc", "--noprofile", "--noediting", "-i"), "dash": ("dash", "-i")}


def play(shell, steps, tool):
    """The transcript, and how the shell ended."""
    path = f"{T}/with" if tool else f"{T}/without"
    s = Session(*SHELLS[shell], PATH=f"{path}:{os.environ['PATH']}")
    s.size(24, 80)
    for pattern, typed in steps:
        s.wait(pattern)
        if callable(typed):
            typed(s)
        elif isinstance(typed, tuple):
            s.size(*typed)
        else:
            s.send(typed)
    s.wait(PROMPT)
    s.send("exit 5\n")
    status = s.end()
    # Numbers of processes differ.
    return re.sub(r"^\[(\d+)\] ( *)\d+", r"[\1] PID", s.text, flags=re.M), status


def make_commands():
    """t COMMAND: with us, and without."""
    os.mkfifo(GATE)
    for name, prefix in (("with", f"{TOOL} -q -o $(mktemp -du {T}/trace.XXXXXX) -- "), ("without", "")):
        os.mkdir(f"{T}/{name}")
        with open(f"{T}/{name}/t", "w") as f:
            f.write(f'#!/bin/sh\nexec {prefix}"$@"\n')
        os.chmod(f"{T}/{name}/t", 0o755)


def shells():
    n = 0
    for shell in SHELLS:
        sessions = {**SHELL_SESSIONS, **({"nested": NESTED} if shell == "bash" else {})}
        for name, steps in sessions.items():
            without, status = play(shell, steps, False)
            ours, our_status = play(shell, steps, True)
            expect(ours == without and our_status == status == 5,
                   f"{shell}, {name}: with us, status {our_status}:\n{ours}\n---- without, status {status}:\n{without}")
            n += 1
    return n


# ---- the terminal is closed ----
HANGUP = python("hangup", """
def got(*_):
    with open(sys.argv[1] + ".new", "w") as f:
        f.write("SIGHUP")
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    sys.exit(6)
signal.signal(signal.SIGHUP, got)
say("ready")
while True:
    time.sleep(0.1)  # pause() would not see one that came just before it
""").split()[1:]


def hangups():
    for name in ("with", "without"):
        # The command leads the session: the kernel tells it alone.
        s = Session(f"{T}/{name}/t", *HANGUP, f"{T}/{name}-hangup")
        s.wait(READY)
        os.close(s.fd)
        status = s.status()
        expect(status == 6 and os.path.exists(f"{T}/{name}-hangup"), f"{name}: handles SIGHUP, status {status}")
        s = Session(f"{T}/{name}/t", "sh", "-c", "echo ready; exec sleep 100")
        s.wait(READY)
        os.close(s.fd)
        status = s.status()
        expect(status == -signal.SIGHUP, f"{name}: SIGHUP, status {status}")
        # The shell leads it: it tells the job, and the kernel tells whoever is in the foreground.
        s = Session(*SHELLS["bash"], PATH=f"{T}/{name}:{os.environ['PATH']}")
        s.wait(PROMPT)
        s.send(f"t {' '.join(HANGUP)} {T}/{name}-shell\n")
        s.wait(READY)
        os.close(s.fd)
        expect(s.status() == -signal.SIGHUP, f"{name}: the shell")
        until(lambda: os.path.exists(f"{T}/{name}-shell"), f"{name}: no SIGHUP under a shell")

    def ended(trace):
        with open(f"{trace}/session.json") as f:
            return json.load(f).get("result")

    traces = [f"{T}/{d}" for d in os.listdir(T) if d.startswith("trace.")]
    for trace in traces:
        until(lambda: ended(trace), f"{trace} has no end")


# ---- signals to one of the two ----
def stopped_alone():
    def start(name):
        # A group of its own, but our session: where nobody could continue it, SIGTSTP stops nothing.
        p = subprocess.Popen([TOOL, "-q", "-o", f"{T}/{name}", "--", "sh", "-c", "echo $$; exec sleep 100"],
                             stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.setpgid(0, 0))
        return p, int(p.stdout.readline())

    def both(p, command, letters):
        until(lambda: state(p.pid) in letters and state(command) in letters,
              f"recorder {state(p.pid)}, command {state(command)}: not both in {letters}")

    for n, (stop, to_command, go_on) in enumerate([(signal.SIGSTOP, True, True), (signal.SIGTSTP, True, True),
                                                   (signal.SIGTSTP, False, False), (signal.SIGTTIN, True, False)]):
        p, command = start(f"alone-{n}")
        for _ in range(2):
            os.kill(command if to_command else p.pid, stop)
            both(p, command, "T")
            os.kill(command if go_on else p.pid, signal.SIGCONT)
            both(p, command, "SR")
        p.terminate()
        expect(p.wait() == -signal.SIGTERM, f"{stop}: status {p.returncode}")
    # Killed while it is stopped: nobody else would wake us.
    p, command = start("killed")
    os.kill(command, signal.SIGSTOP)
    both(p, command, "T")
    os.kill(command, signal.SIGKILL)
    expect(p.wait() == -signal.SIGKILL, f"killed while stopped: {p.returncode}")


make_commands()
n = shells()
hangups()
stopped_alone()
print(f"{n} sessions in a shell, hang-ups, stops: as without rdna1-trace")
