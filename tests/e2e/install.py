#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make install and uninstall: staged, with spaces in the path, as a user; what is installed works where neither the
source nor the build is, and nothing of it stays behind."""
import shutil
import tempfile

from rdna1 import *

FILES = {"bin/rdna1-trace", "lib/rdna1-trace/installed", "lib/rdna1-trace/librdna1-agent.so.1",
         "lib/rdna1-trace/librdna1-emu.so", "lib/rdna1-trace/librdna1-roctx.so.1", "lib/rdna1-trace/libroctx64.so",
         "lib/rdna1-trace/libroctx64.so.4", "lib/rdna1-trace/rdna1-probe", "lib/rdna1-trace/workload/conv2d", "share/man/man1/rdna1-trace.1",
         "share/bash-completion/completions/rdna1-trace", "share/doc/rdna1-trace/README.md",
         "share/doc/rdna1-trace/LICENSE"}
SAN = ["SAN=1"] if os.path.basename(BUILD) == "san" else []
# Outside of the source, which is taken away below.
place = tempfile.mkdtemp(dir="/tmp", prefix="rdna1 install ")
os.chmod(place, 0o755)


def tree(top):
    """Everything below, as {relative path: content, link or None for a directory}."""
    found = {}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            rel = os.path.relpath(path, top)
            if os.path.islink(path):
                found[rel] = os.readlink(path)
            elif os.path.isdir(path):
                found[rel] = None
            else:
                with open(path, "rb") as f:
                    found[rel] = f.read()
    return found


def make(*words, status=0, **kw):
    run = sh("make", "--no-print-directory", *SAN, *words, cwd=TOP, timeout=600, **kw)
    expect((run.returncode == 0) == (status == 0), f"make {words}: {run.returncode}\n{run.stdout}{run.stderr}")
    return run


def files_of(top):
    return {p for p, content in tree(top).items() if content is not None}


def expect_installed(top):
    files = files_of(top)
    docs = {p for p in files if p.startswith("share/doc/rdna1-trace/docs/")}
    expect(files - docs == FILES and len(docs) >= 5, f"{sorted(files ^ FILES)}")
    with open(os.path.join(top, "share/doc/rdna1-trace/README.md")) as f:
        for target in re.findall(r"\]\((docs/[^)#]+)\)", f.read()):
            expect(target.endswith(".1") or f"share/doc/rdna1-trace/{target}" in files, f"README points to {target}")
    for path, content in tree(top).items():
        mode = os.lstat(os.path.join(top, path)).st_mode & 0o777
        expect(os.path.islink(os.path.join(top, path)) or mode in (0o644, 0o755), f"{path} has mode {mode:o}")


def works(prefix, hidden, *become):
    """In a mount namespace where the source and the build are empty directories."""
    out = os.path.join(prefix, "t")
    tool = os.path.join(prefix, "bin/rdna1-trace")
    script = "".join(f"mount -t tmpfs none {h!r} || exit 99\n" for h in hidden) + f"""
cd / && [ -z "$(ls {TOP!r})" ] || exit 98
"$1" -q --emulate -o "$2" -- "$3/lib/rdna1-trace/workload/conv2d" --size 9 || exit
"$1" report "$2" > "$2.report" && "$1" explain 0x29 > /dev/null"""
    inside = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if become else []
    space = ["unshare", "--mount"] if ROOT else ["unshare", "--map-root-user", "--mount"]
    if become:
        # The namespace is root's to make; who runs in it is not.
        script = script.replace('cd / &&', f'cd / && exec {" ".join(inside)} sh -c \'cd / &&', 1)
        script += "' sh \"$@\""
        script = script.replace(f"ls {TOP!r}", f"ls {TOP}")
    run = sh(*space, "sh", "-c", script, "sh", tool, out, prefix, env={**os.environ, "HOME": prefix, "TMPDIR": "/tmp"})
    if run.returncode == 99 or "unshare" in run.stderr:
        return False
    expect(run.returncode == 0 and "equal the CPU's bit for bit" in run.stdout, f"{run}")
    with open(out + ".report") as f:
        text = f.read()
    expect("conv2d_direct" in text and "emulated device: AMD Radeon RX 5600 XT" in text, text)
    shutil.rmtree(out)
    os.remove(out + ".report")
    return True


try:
    # ---- staged: nothing but what belongs there, and twice is as once ----
    stage = os.path.join(place, "stage")
    make("install", f"DESTDIR={stage}", "PREFIX=/usr")
    expect(os.listdir(stage) == ["usr"], os.listdir(stage))
    expect_installed(os.path.join(stage, "usr"))
    once = tree(stage)
    make("install", f"DESTDIR={stage}", "PREFIX=/usr")
    expect(tree(stage) == once, "a second install differs")
    make("uninstall", f"DESTDIR={stage}", "PREFIX=/usr")
    expect(not files_of(stage), tree(stage))

    # ---- into a directory that others use, with a space in its path ----
    prefix = os.path.join(place, "it's a prefix")
    for name in ("bin/other", "lib/rdna1-trace/mine", "share/man/man1/other.1"):
        os.makedirs(os.path.dirname(os.path.join(prefix, name)), exist_ok=True)
        with open(os.path.join(prefix, name), "w") as f:
            f.write(name)
    os.makedirs(os.path.join(prefix, "share/empty"))
    before = tree(prefix)
    make("install", f"PREFIX={prefix}")
    expect(set(tree(prefix)) - set(before) >= FILES and all(tree(prefix)[p] == c for p, c in before.items()), "lost")
    hidden = [TOP] if BUILD.startswith(TOP + "/") else [TOP, BUILD]
    if not works(prefix, hidden):
        expect(not ROOT, "no mount namespace")
        unseen.append("a mount namespace")

    # ---- the man page and the completion are found ----
    man = os.path.join(prefix, "share/man")
    for viewer in ("man", "mman"):
        if shutil.which(viewer):
            run = sh(viewer, "-M", man, "-w", "rdna1-trace")
            expect(run.returncode == 0 and run.stdout.strip() == f"{man}/man1/rdna1-trace.1", run)
    words = {"rdna1-trace ex": {"explain"}, "rdna1-trace --emu": {"--emulate"}, "rdna1-trace recover --o": {"--output"},
             "rdna1-trace report --al": {"--all"}}
    for line, want in words.items():
        run = sh("bash", "-c", 'PATH="$1/bin:$PATH"; . "$1/share/bash-completion/completions/rdna1-trace"; '
                 'COMP_WORDS=($2); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _rdna1_trace; echo "${COMPREPLY[@]}"',
                 "bash", prefix, line, cwd=place)
        expect(set(run.stdout.split()) == want and not run.stderr, f"{line}: {run}")

    # ---- a file of an earlier version goes with the next ----
    with open(os.path.join(prefix, "lib/rdna1-trace/installed"), "a") as f:
        f.write("file lib/rdna1-trace/old\n")
    with open(os.path.join(prefix, "lib/rdna1-trace/old"), "w") as f:
        f.write("old")
    make("install", f"PREFIX={prefix}")
    expect("lib/rdna1-trace/old" not in files_of(prefix), "a file of an earlier version stays")

    # ---- nothing but that is removed ----
    make("uninstall", f"PREFIX={prefix}")
    expect(tree(prefix) == before, f"{set(tree(prefix)) ^ set(before)}")
    run = make("uninstall", f"PREFIX={prefix}", status=2)
    expect("nothing of rdna1-trace is in" in run.stderr, run)
    run = make("install", "PREFIX=relative", status=2)
    expect("no absolute path" in run.stderr and not os.path.exists(os.path.join(TOP, "relative")), run)

    # ---- as a user: the home directory, without root ----
    if ROOT:
        home = os.path.join(place, "home")
        os.mkdir(home)
        os.chown(home, 65534, 65534)
        user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", f"HOME={home}", "TMPDIR=/tmp"]
        if sh(*user, "test", "-x", f"{TOP}/.ci/install-files").returncode == 0:
            run = sh(*user, f"B={BUILD}", f"PREFIX={home}/.local", f"{TOP}/.ci/install-files", "install", cwd="/")
            expect(run.returncode == 0, run)
            expect_installed(os.path.join(home, ".local"))
            expect(works(os.path.join(home, ".local"), hidden, "nobody"), "not as a user")
            run = sh(*user, f"B={BUILD}", "PREFIX=/usr/local", f"{TOP}/.ci/install-files", "install", cwd="/")
            expect(run.returncode != 0 and "no right to write to /usr/local" in run.stderr, run)
            run = sh(*user, f"PREFIX={home}/.local", f"{TOP}/.ci/install-files", "uninstall", cwd="/")
            expect(run.returncode == 0 and os.listdir(home) == [], f"{run} {tree(home)}")
finally:
    shutil.rmtree(place)
done("installed, run without the source, uninstalled")
