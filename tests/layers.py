#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who may use what: include lines, system headers, calls and linked libraries against one table.

layers.py         check the project, then check that planted violations are found
"""
import os
import re
import shutil
import subprocess
import sys

# What any room may include of the system: C, POSIX and Linux headers.
LIBC = set("""assert ctype dirent dlfcn elf errno fcntl ftw getopt grp inttypes limits link poll pthread
pwd sched setjmp signal stdarg stdbool stddef stdint stdio stdlib string time unistd immintrin cpuid
sys/epoll sys/fsuid sys/ioctl sys/mman sys/prctl sys/random sys/resource sys/signalfd sys/socket sys/stat
sys/syscall sys/sysmacros sys/types sys/uio sys/un sys/utsname sys/wait
execinfo fnmatch ucontext xmmintrin sys/file sys/vfs linux/magic linux/audit linux/filter linux/futex linux/seccomp""".split())
UAPI = {"linux/kfd_ioctl", "drm/drm", "drm/amdgpu_drm"}
HSA = {"hsa/hsa", "hsa/hsa_ext_amd", "hsa/hsa_api_trace", "hsa/hsa_ven_amd_loader"}
BPF = {"bpf/bpf", "bpf/libbpf", "bpf/btf"}
PURE_NO = r"\b(?:f?printf|puts|fputs|putchar|fwrite|perror|clock_gettime|time|gettimeofday)\s*\(|\"/(?:dev|sys|proc)/"

# room: (other rooms it may include, system headers, generated headers, what must not stand in it)
EVENTS = "bpf/events"  # the event table: events.def, events.h, losses.def, kfd_cmds.def, drm_cmds.def
ROOMS = {
    EVENTS: ((), {"stdint", "stddef"}, (), r"\benum\s+\w+\s+\w+;|\*\s*\w+;"),
    "bpf": ((EVENTS,), {"bpf/bpf_helpers", "bpf/bpf_core_read"}, (), r"gfx\d"),
    "hsa-tools/stream": ((EVENTS,), LIBC, (), r"\b(?:malloc|calloc|realloc|printf|fprintf)\s*\("),
    "hsa-tools/isa": ((EVENTS,), LIBC, (), r"\b(?:malloc|fopen|open|printf)\s*\("),
    "hsa-tools/isa/scan": (("hsa-tools/isa",), LIBC | {"amd_comgr"}, (),
                           r"\b(?:printf|fprintf|fopen|open|clock_gettime)\s*\("),
    "hsa-tools/conv": (("hsa-tools/isa",), LIBC | {"math"}, (), r"\b(?:printf|fprintf|fopen|abort|exit|_exit)\s*\("),
    "hsa-tools/quarantine": ((), LIBC, (), r"\b(?:malloc|calloc|realloc|printf|fprintf|fopen|abort|exit|_exit)\s*\("),
    "hsa-tools/agent": ((EVENTS, "hsa-tools/stream", "hsa-tools/isa", "hsa-tools/conv", "hsa-tools/quarantine",
                         "hsa-tools/agent/override_rules", "hsa-tools/isa/verdict"), LIBC | HSA | {"fnmatch"}, (),
                        r"\b(?:abort|exit|_exit|system|popen|dlopen)\s*\("),
    "hsa-tools/roctx": ((EVENTS,), {"dlfcn", "link", "stdint", "stddef", "stdbool", "string"}, (),
                        r"\b(?:malloc|calloc|realloc|printf|fprintf|abort|exit|_exit)\s*\("),
    # What check --run records: nothing of ours but its exit status.
    "hsa-tools/probe": ((), LIBC | {"math"}, (), None),
    "hsa-tools/emu": ((EVENTS, "hsa-tools/stream", "usr/caps"), LIBC | UAPI, ("isa.h",), None),
    "hsa-tools/emu/launch": ((EVENTS, "hsa-tools/stream", "hsa-tools/emu/protocol", "usr/caps"),
                             LIBC | UAPI, (), None),
    "usr/base": ((), LIBC, (), r"\bclock_gettime\s*\(|\"/(?:dev|sys|proc)/"),
    "usr/caps": ((), {"stdint", "stddef"}, (), PURE_NO),
    "usr/decode": ((EVENTS, "usr/base", "usr/caps"), LIBC, (), PURE_NO),
    "usr/trace": ((EVENTS, "usr/base", "usr/caps", "usr/decode", "hsa-tools/stream"), LIBC, (), PURE_NO),
    "usr/record": ((EVENTS, "bpf/shared", "usr/base", "usr/trace", "hsa-tools/stream"),
                   LIBC | BPF | {"jansson", "gelf"}, ("rdna1.skel.h",), None),
    "usr/analysis": ((EVENTS, "usr/base", "usr/caps", "usr/decode", "usr/trace", "hsa-tools/isa/scan"), LIBC, (),
                     PURE_NO),
    "usr/report": ((EVENTS, "usr/analysis", "usr/base", "usr/caps", "usr/decode"), LIBC, (), PURE_NO),
    # main.c and cmd_*.c: they put the rooms together.
    "usr": (("usr/analysis", "usr/base", "usr/caps", "usr/decode", "usr/record", "usr/report",
             "usr/trace", "hsa-tools/emu/launch", "hsa-tools/isa", "hsa-tools/isa/scan", "hsa-tools/probe",
             "hsa-tools/conv", "hsa-tools/quarantine", "hsa-tools/agent/override_rules",
             "hsa-tools/isa/verdict"),
            LIBC | {"zlib"}, (), None),
}
# Some files of a room are another room's business.
FILES = {"bpf/events.def": EVENTS, "bpf/events.h": EVENTS, "bpf/losses.def": EVENTS,
         "bpf/kfd_cmds.def": EVENTS, "bpf/drm_cmds.def": EVENTS, "bpf/shared.h": "bpf/shared",
         "bpf/hooks.def": "bpf/shared", "bpf/api_calls.def": EVENTS,
         "hsa-tools/emu/protocol.h": "hsa-tools/emu/protocol",
         "hsa-tools/agent/override_rules.h": "hsa-tools/agent/override_rules",
         "hsa-tools/agent/override_rules.c": "hsa-tools/agent/override_rules",
         "hsa-tools/isa/verdict.h": "hsa-tools/isa/verdict",
         "hsa-tools/isa/verdict.c": "hsa-tools/isa/verdict",
         "hsa-tools/isa/verdict_ask.c": "hsa-tools/isa/verdict"}
ROOMS["bpf/shared"] = ((EVENTS,), (), (), None)
ROOMS["hsa-tools/emu/protocol"] = ((EVENTS,), LIBC, (), None)
# Read by the launcher, too.
ROOMS["hsa-tools/agent/override_rules"] = ((), LIBC, (), r"\b(?:malloc|printf|fprintf|open|exit|abort)\s*\(")
# The one of isa that has files.
ROOMS["hsa-tools/isa/verdict"] = ((), LIBC, (), r"\b(?:malloc|printf|fprintf|fopen|exit|abort)\s*\(")
ROOMS["bpf"] = ((EVENTS, "bpf/shared"),) + ROOMS["bpf"][1:]
ROOMS["hsa-tools/emu"] = (ROOMS["hsa-tools/emu"][0] + ("hsa-tools/emu/protocol",),) + ROOMS["hsa-tools/emu"][1:]
# Tools of the build and one-file exceptions, with their reason.
EXEMPT = {"usr/base/log.c": "the log itself", "hsa-tools/emu/gen-decode.c": "runs at build time",
          "hsa-tools/agent/session.c": "stdio at OnLoad only"}
LINKED = {"rdna1-trace": {"libbpf.so.1", "libelf.so.1", "libjansson.so.4", "libz.so.1", "libc.so.6"}}
SANITIZERS = {"libasan.so.8", "libubsan.so.1", "libm.so.6", "libgcc_s.so.1"}


def room_of(path):
    if path in FILES:
        return FILES[path]
    folder = os.path.dirname(path)
    while folder and folder not in ROOMS:
        folder = os.path.dirname(folder)
    # usr/ itself is main.c and cmd_*.c; a new folder in it is not.
    if folder == "usr" and os.path.dirname(path) != "usr":
        return None
    return folder or None


def sources(root):
    for top in ("bpf", "usr", "hsa-tools"):
        for folder, _, files in os.walk(os.path.join(root, top)):
            for name in files:
                if name.endswith((".c", ".h", ".def")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.S)


def check_file(root, path):
    room = room_of(path)
    if not room:
        return [f"{path}: belongs to no room of the table"]
    rooms, headers, generated, never = ROOMS[room]
    with open(os.path.join(root, path)) as f:
        text = without_comments(f.read())
    bad = []
    for number, line in enumerate(text.split("\n"), 1):
        where = f"{path}:{number}"
        m = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if m and m[1] == "<":
            if m[2].removesuffix(".h") not in headers and path not in EXEMPT:
                bad.append(f"{where}: {room} may not include <{m[2]}>")
        elif m:
            near = os.path.normpath(os.path.join(os.path.dirname(path), m[2]))
            if os.path.exists(os.path.join(root, near)):
                target = room_of(near)
                if target != room and target not in rooms:
                    bad.append(f"{where}: {room} may not use {target} ({m[2]})")
            elif m[2] not in generated:
                bad.append(f"{where}: {room} includes {m[2]}, which is nowhere")
        elif never and path not in EXEMPT and re.search(never, line):
            bad.append(f"{where}: not in {room}: {line.strip()}")
    return bad


def check(root):
    return [b for path in sorted(sources(root)) for b in check_file(root, path)]


def check_linked(build):
    bad = []
    for name, allowed in LINKED.items():
        out = subprocess.run(["readelf", "-dW", f"{build}/{name}"], capture_output=True, text=True,
                             check=True).stdout
        extra = set(re.findall(r"\(NEEDED\).*\[(.*)\]", out)) - allowed
        if build.endswith("/san"):
            extra -= SANITIZERS
        bad += [f"{name} is linked with {lib}" for lib in sorted(extra)]
    return bad


PLANTED = {
    "hsa-tools/agent/queue.c": '#include "../../usr/decode/kfd.h"',
    "hsa-tools/agent/code.c": "#include <gelf.h>",
    "hsa-tools/agent/memory.c": "static void f(void) { abort(); }",
    "hsa-tools/stream/stream.c": "static void *p(void) { return malloc(1); }",
    "hsa-tools/isa/scan/scan.c": '#include <hsa/hsa.h>',
    "hsa-tools/agent/copy.c": '#include "../isa/scan/scan.h"',
    "hsa-tools/roctx/roctx.c": '#include "../stream/stream.h"',
    "usr/decode/kfd.c": 'static int f(void) { return open("/dev/kfd", 0); }',
    "usr/analysis/model.c": "#include <bpf/libbpf.h>",
    "usr/record/sync.c": '#include "../decode/print.h"',
    "usr/report/text.c": '#include "../record/kernel.h"',
    "usr/trace/reader.c": 'static void f(void) { printf("x"); }',
    "usr/base/buf.c": '#include "../trace/reader.h"',
    "bpf/rdna1.bpf.c": "static const char *chip = \"gfx1010\";",
    "usr/newroom/x.c": "int x;",
}


def main():
    bad = check(".") + check_linked(os.environ["B"])
    if bad:
        print("\n".join(bad))
        sys.exit(1)
    copy = os.path.join(os.environ["T"], "planted")
    for path, line in PLANTED.items():
        shutil.rmtree(copy, ignore_errors=True)
        for top in ("bpf", "usr", "hsa-tools"):
            shutil.copytree(top, os.path.join(copy, top))
        target = os.path.join(copy, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "a") as f:
            f.write("\n" + line + "\n")
        found = check(copy)
        if len(found) != 1 or not found[0].startswith(path):
            sys.exit(f"planted in {path}: {line}\nfound: {found}")
    print(f"{len(list(sources('.')))} files keep to {len(ROOMS)} rooms, {len(PLANTED)} planted violations found")


main()
