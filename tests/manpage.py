#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The man page and --help name the same options; the agent's keys are in the page; it is well formed."""
import os
import re
import subprocess
import sys

TOOL = os.environ["RDNA1_TRACE"]
PAGE = "docs/rdna1-trace.1"


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def in_help(*command):
    """{'-o', '--output DIR', ...} as --help lists them."""
    text = run(TOOL, *command, "--help").stdout
    found = set()
    for m in re.finditer(r"^ {2,6}(-\w, )?(--[a-z-]+)(?:[ =](\S+))?  ", text, re.M):
        if m[1]:
            found.add(m[1].rstrip(", "))
        found.add(m[2] + (" " + m[3] if m[3] else ""))
    return found


def in_page(section):
    with open(PAGE) as f:
        text = f.read()
    part = re.search(rf"^\.Ss {section}\n(.*?)^\.S[sh] ", text, re.M | re.S)[1]
    found = set()
    for line in re.findall(r"^\.It (Fl .*)$", part, re.M):
        words = line.replace("Fl - ", "Fl -").replace("Ns = Ns ", "").split()
        option = None
        for w in words:
            if w == ",":
                continue
            if w == "Fl":
                if option:
                    found.add(option)
                option = ""
            elif option == "":
                option = "-" + w
            elif w not in ("Ar", "Cm"):
                option += " " + w
        found.add(option)
    return found


def synopsis_glued():
    """Commands of SYNOPSIS that stand in another's line."""
    with open(PAGE) as f:
        part = re.search(r"^\.Sh SYNOPSIS\n(.*?)^\.Sh ", f.read(), re.M | re.S)[1]
    return re.findall(r"^(?!\.Nm$).*\n\.Cm (\w+)$", part, re.M)


def main():
    bad = [f"SYNOPSIS: {c} has no .Nm before it" for c in synopsis_glued()]
    for section, command in (("run", ()), ("report", ("report",)), ("dump", ("dump",)),
                             ("info", ("info",)),
                             ("recover", ("recover",)), ("rules", ("rules",)), ("scan", ("scan",)), ("check", ("check",)),
                             ("explain", ("explain",)), ("pack", ("pack",)), ("compare", ("compare",)),
                             ("quarantine", ("quarantine",))):
        ours, theirs = in_help(*command), in_page(section)
        if not ours:
            bad.append(f"--help of {section} lists no option")
        bad += [f"{section}: {o} is in --help, not in the man page" for o in sorted(ours - theirs)]
        bad += [f"{section}: {o} is in the man page, not in --help" for o in sorted(theirs - ours)]
    with open("hsa-tools/agent/options.c") as f:
        keys = set(re.findall(r'^\t\{"([\w-]+)", "', f.read(), re.M))
    with open(PAGE) as f:
        page = f.read()
    documented = set(re.findall(r"^\.It Cm ([\w-]+) Ns = Ns", page, re.M))
    if keys != documented or not keys:
        bad.append(f"keys of RDNA1_TRACE_OPTIONS: {keys} in the agent, {documented} in the man page")
    lint = run("mandoc", "-Tlint", "-Wwarning", PAGE)
    if lint.returncode:
        bad.append(lint.stdout + lint.stderr)
    if bad:
        sys.exit("\n".join(bad))
    print("man page and --help agree")


main()
