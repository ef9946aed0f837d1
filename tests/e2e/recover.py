#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""recover.py VARIANTS SEED: traces damaged as a machine that stops leaves them, in many ways: report and dump
say what they left out, recover makes a copy that babeltrace2 reads with the same events, all of them the
original's, and as many as can be."""
import collections
import hashlib
import random
import resource
import shutil
import struct

from rdna1 import *

PAGE, HEAD = 4096, 72
CONTENT = 40  # offset of content_size in a chunk


class Chunk:
    """A whole one: where its events end."""

    def __init__(self, path):
        self.name = os.path.basename(path)
        self.stream, self.number = self.name.rsplit(".", 1)
        with open(path, "rb") as f:
            data = f.read()
        self.size = len(data)
        self.content = struct.unpack_from("<Q", data, CONTENT)[0] // 8
        self.ends, at = [], HEAD
        while at < self.content:
            at += struct.unpack_from("<H", data, at + 10)[0]
            self.ends.append(at)
        expect(at == self.content, f"{path}: events end at {at}, not {self.content}")

    def before(self, offset):
        return sum(end <= offset for end in self.ends)

    def start(self, i):
        return self.ends[i - 1] if i else HEAD


class Base:
    """An undamaged trace and what it holds."""

    def __init__(self, directory, made_up=False):
        self.dir, self.made_up = directory, made_up
        self.lines = dump_lines(directory)[1]
        self.known = collections.Counter(self.lines)
        ctf = os.path.join(directory, "ctf")
        self.chunks = [Chunk(os.path.join(ctf, n)) for n in sorted(os.listdir(ctf)) if n != "metadata"]
        expect(sum(len(c.ends) for c in self.chunks) == len(self.lines), "chunks and dump differ")


def tool(*arguments, **kw):
    run = sh(TOOL, *arguments, env=LEAKS, **kw)
    expect(0 <= run.returncode <= 2, f"{arguments}: {run.returncode}\n{run.stderr}")
    expect("Sanitizer" not in run.stderr and "runtime error" not in run.stderr, run.stderr)
    return run


def dump_lines(directory):
    run = tool("dump", "--format", "json", directory)
    # Of a trace whose metadata is gone, recover may take for emulated what has streams of a device.
    return run, run.stdout.replace('"emulated":true,', "").splitlines()


def count_by_babeltrace(directory):
    run = sh("babeltrace2", "-c", "sink.utils.counter", directory + "/ctf")
    expect(run.returncode == 0 and not run.stderr, f"babeltrace2 {directory}: {run.returncode} {run.stderr}")
    return int(re.search(r"(\d+) Event messages", run.stdout)[1])


def digest(directory):
    h = hashlib.sha256()
    for folder, _, files in sorted(os.walk(directory)):
        for name in sorted(files):
            path = os.path.join(folder, name)
            h.update(f"{path} {os.path.getsize(path)}\n".encode())
            with open(path, "rb") as f:
                h.update(f.read())
    return h.digest()


# ---- damage: each returns (fewest, most) events that recover keeps of the chunk, and what the reader does ----

def put(path, offset, data):
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(data)


def zero_page(path, c, rnd):
    pages = [p for p in range(1, c.size // PAGE) if p * PAGE < c.content]
    # The end of the last event on that page: nothing tells it from an end of zeros.
    pages = [p for p in pages if not (p == (c.content - 1) // PAGE and c.start(len(c.ends) - 1) < p * PAGE)]
    if not pages:
        return zero_header(path, c, rnd)
    lost = rnd.sample(pages, rnd.randint(1, min(3, len(pages))))
    for p in lost:
        put(path, p * PAGE, bytes(min(PAGE, c.size - p * PAGE)))
    n = c.before(min(lost) * PAGE)
    return n, n, n


def zero_header(path, c, rnd):
    put(path, 0, bytes(min(PAGE, c.size)))
    return 0, 0, 0


def truncate(path, c, rnd):
    n = rnd.randint(0, c.content - 1)
    os.truncate(path, n)
    n = c.before(n)
    return n, n, n


def no_blocks(path, c, rnd):
    os.truncate(path, 0)
    os.truncate(path, c.size)
    return 0, 0, 0


def content_ahead(path, c, rnd):
    bits = rnd.choice([rnd.randint(c.content, c.size) * 8 + 8, c.size * 8, c.size * 64, 1 << 62, (1 << 64) - 1])
    put(path, CONTENT, struct.pack("<Q", bits))
    # One whose end is zeros on an empty page is not believed.
    return len(c.ends) - 1, len(c.ends), None


def content_behind(path, c, rnd):
    offset = rnd.choice([0, 8, HEAD, rnd.randint(HEAD, c.content - 1), c.start(rnd.randrange(len(c.ends)))])
    put(path, CONTENT, struct.pack("<Q", offset * 8))
    n = c.before(offset)
    # The last event that the header does not count may be one that was only begun.
    return len(c.ends) - 1, len(c.ends) - 1, n


def delete(path, c, rnd):
    os.unlink(path)
    return 0, 0, 0


def other_magic(path, c, rnd):
    put(path, 0, rnd.choice([b"\xc1\xfc\x1f\xc1", bytes(4), b"CTF!"]))
    return 0, 0, 0


def random_bytes(path, c, rnd):
    for _ in range(rnd.choice([1, 1, 3, 20])):
        put(path, rnd.randrange(c.content), rnd.randbytes(rnd.choice([1, 2, 8, 100])))
    return 0, len(c.ends) + 3, None


def swap_pages(path, c, rnd):
    """What no disk does: two pages in each other's place."""
    if c.size < 3 * PAGE:
        return random_bytes(path, c, rnd)
    with open(path, "rb") as f:
        data = f.read()
    a, b = rnd.sample(range(1, c.size // PAGE), 2)
    put(path, a * PAGE, data[b * PAGE:(b + 1) * PAGE])
    put(path, b * PAGE, data[a * PAGE:(a + 1) * PAGE])
    return 0, len(c.ends) + 3, None


NATURAL = (zero_page, zero_page, zero_page, zero_header, truncate, no_blocks, content_ahead, content_behind, delete,
           other_magic)
UNNATURAL = (random_bytes, random_bytes, swap_pages)


def damage_metadata(directory, rnd):
    path = os.path.join(directory, "ctf/metadata")
    n = os.path.getsize(path)
    kind = rnd.choice(["zero", "page", "cut", "gone", "empty", "random", "uuid"])
    if kind in ("zero", "page"):
        put(path, 0 if kind == "zero" else PAGE, bytes(n if kind == "zero" else n - PAGE))
    elif kind in ("cut", "empty"):
        os.truncate(path, rnd.randrange(n) if kind == "cut" else 0)
    elif kind == "gone":
        os.unlink(path)
    elif kind == "random":
        put(path, rnd.randrange(n - 20), rnd.randbytes(20))
    else:
        with open(path, "rb") as f:
            at = f.read().index(b'uuid = "') + 8
        put(path, at, b"%08x" % rnd.randrange(1 << 32))
    return kind


def damage_others(directory, rnd):
    for folder in (".", "code-objects"):
        folder = os.path.join(directory, folder)
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and rnd.random() < 0.5:
                if rnd.random() < 0.5:
                    os.truncate(path, rnd.randrange(os.path.getsize(path) + 1))
                else:
                    put(path, 0, bytes(os.path.getsize(path)))


# ---- one variant ----

told = collections.Counter()


def check(base, number, rnd):
    bad, copy = os.path.join(T, f"bad-{number}"), os.path.join(T, f"bad-{number}.recovered")
    shutil.copytree(base.dir, bad)
    ways = UNNATURAL if rnd.random() < 0.25 else NATURAL
    victims = rnd.sample(base.chunks, rnd.choice([0, 1, 1, 2, 5]))
    of_metadata = damage_metadata(bad, rnd) if rnd.random() < 0.25 or not victims else None
    if rnd.random() < 0.3:
        damage_others(bad, rnd)
    whole = sum(len(c.ends) for c in base.chunks if c not in victims)
    least, most, read, what = whole, whole, whole, [f"metadata {of_metadata}"] if of_metadata else []
    for c in victims:
        way = rnd.choice(ways)
        lo, hi, reader = way(os.path.join(bad, "ctf", c.name), c, rnd)
        least, most = least + lo, most + hi
        read = None if reader is None or read is None else read + reader
        what.append(f"{way.__name__} {c.name}")
        told[way.__name__] += 1
    natural = ways is NATURAL
    where = f"variant {number}: {', '.join(what)}"
    before = digest(bad)

    # What the reader makes of it.
    run, lines = dump_lines(bad)
    if run.returncode:
        expect(of_metadata and run.returncode == 1 and run.stderr.startswith("rdna1-trace: " + bad),
               f"{where}: dump: {run.stderr}")
    else:
        stamps = [json.loads(line)["timestamp"] for line in lines]
        expect(stamps == sorted(stamps), f"{where}: dump is not in time order")
        if natural:
            expect(not collections.Counter(lines) - base.known, f"{where}: dump shows what was never recorded")
        if natural and not of_metadata:
            expect(read is None or len(lines) == read, f"{where}: dump shows {len(lines)} events, not {read}")
        pages = any(w.startswith(("zero", "trunc", "no_bl", "other")) for w in what)
        if pages and not of_metadata:
            for text in run.stderr, report(bad):
                expect("left out: " in text and f"rdna1-trace recover {bad}" in " ".join(text.split()), f"{where}: says\n{text}")
    run = tool("report", bad)
    expect(run.returncode == 0 or of_metadata, f"{where}: report: {run.stderr}")

    # What recover makes of it.
    run = tool("recover", bad)
    expect(digest(bad) == before, f"{where}: the original was changed")
    if run.returncode:
        expect(run.returncode == 1 and f"nothing of {bad} can be recovered: " in run.stderr and not run.stdout and
               not os.path.lexists(copy), f"{where}: {run.stderr}{run.stdout}")
        expect(not least or of_metadata == "random", f"{where}: nothing was recovered, {least} events are there")
    else:
        n = count_by_babeltrace(copy)
        again, lines = dump_lines(copy)
        expect(again.returncode == 0 and n == len(lines),
               f"{where}: babeltrace2 reads {n} events, dump {len(lines)}\n{again.stderr}")
        expect(not again.stderr or "missing chunk" in again.stderr, f"{where}: dump of the copy: {again.stderr}")
        expect(f": {n} events\n" in run.stdout, f"{where}: says\n{run.stdout}")
        expect(least <= n <= most or not natural, f"{where}: {n} events, not {least} to {most}\n{run.stdout}")
        if natural:
            extra = collections.Counter(lines) - base.known
            expect(not extra, f"{where}: invented {list(extra)[:3]}")
            expect(base.made_up or report(copy).startswith("emulated device"), f"{where}: another device")
        if of_metadata and of_metadata != "random":
            expect("metadata was damaged" in run.stdout, f"{where}: says\n{run.stdout}")
        for name in os.listdir(copy):
            if name.endswith(".json"):
                with open(os.path.join(copy, name)) as f:
                    expect(isinstance(json.load(f), dict), f"{where}: {name}")
        for name in os.listdir(copy + "/code-objects") if os.path.isdir(copy + "/code-objects") else []:
            with open(f"{copy}/code-objects/{name}", "rb") as f:
                expect(hashlib.sha256(f.read()).hexdigest() + ".co" == name, f"{where}: {name} is not whole")
        shutil.rmtree(copy)
        told["recovered"] += 1
    left = [n for n in os.listdir(T) if n.startswith(".")]
    expect(not left, f"{where}: left behind: {left}")
    shutil.rmtree(bad)


# ---- what is not damaged ----

def same(base):
    copy = base.dir + ".recovered"
    run = tool("recover", base.dir + "/")
    expect(run.returncode == 0 and "nothing was damaged" in run.stdout and not run.stderr, run.stdout + run.stderr)
    expect(dump_lines(copy)[1] == base.lines, f"the copy of {base.dir} is another")
    expect(report(copy) == report(base.dir), f"the report of the copy of {base.dir} is another")
    expect(count_by_babeltrace(copy) == len(base.lines), "babeltrace2")
    names = ["ctf/metadata"] + [n for n in os.listdir(base.dir) if n.endswith(".json")]
    if os.path.isdir(base.dir + "/code-objects"):
        names += ["code-objects/" + n for n in os.listdir(base.dir + "/code-objects")]
        expect(len(os.listdir(copy + "/code-objects")) == len(os.listdir(base.dir + "/code-objects")), "code objects")
    for name in names:
        with open(os.path.join(base.dir, name), "rb") as a, open(os.path.join(copy, name), "rb") as b:
            expect(a.read() == b.read(), f"{name} of the copy of {base.dir} is another")


# ---- what is refused ----

def says(words, *arguments, status=1, **kw):
    run = tool("recover", *arguments, **kw)
    expect(run.returncode == status and all(w in run.stderr for w in words) and not run.stdout,
           f"recover {arguments}: {run.returncode} {run.stderr}{run.stdout}, not {words}")
    left = [n for n in os.listdir(T) if n.startswith(".")]
    expect(not left, f"recover {arguments}: left behind: {left}")


def refused(base):
    copy, empty = os.path.join(T, "copy"), os.path.join(T, "empty")
    says(["one trace directory"], status=2)
    says(["one trace directory"], "a", "b", status=2)
    says(["-o needs a value"], "-o", status=2)
    says(["No such file"], os.path.join(T, "nothing"))
    says(["is there already", "-o"], base.dir)  # its copy is
    says(["No such file", "-o"], "-o", copy + "/no/such", base.dir)
    says(["/proc/x", "-o"], "-o", "/proc/x", base.dir)
    says(["in the trace itself", "-o"], "-o", base.dir + "/ctf/copy", base.dir)
    for limit in (0, 6000, 70000):
        says(["cannot write", "File too large", "-o"], "-o", copy, base.dir,
             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        expect(not os.path.lexists(copy), "half a copy is left")
    os.makedirs(empty + "/ctf")
    says(["nothing of", "no chunk", "no whole metadata"], empty)
    shutil.copy(base.dir + "/ctf/metadata", empty + "/ctf")
    says(["nothing of", "no chunk"], empty)
    with open(empty + "/ctf/metadata", "w") as f:
        f.write("/* CTF 1.8 */ env { rdna1_format = 9999; };")
    says(["nothing of", "format 9999", "version"], empty)
    os.mkdir(copy)
    says(["is there already"], "-o", copy, base.dir)
    # While the recorder lives it holds a lock.
    import fcntl
    fd = os.open(base.dir, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    says(["still being recorded"], "-o", copy + "2", base.dir)
    os.close(fd)


def main():
    times, seed = int(sys.argv[1]), int(sys.argv[2])
    rnd = random.Random(seed)
    r = record("launch", workload("launch")).expect_status(0)
    sh(f"{BUILD}/tests/tools/every-event", f"{T}/every", 40)
    bases = [Base(r.dir), Base(f"{T}/every", made_up=True)]
    expect(any(c.number == "2" for c in bases[0].chunks), "no stream of several chunks")
    for base in bases:
        same(base)
    refused(bases[0])
    for number in range(times):
        check(bases[number % 4 == 3], number, rnd)
    expect(times < 100 or all(told[way.__name__] for way in NATURAL + UNNATURAL), f"never tried: {told}")
    print(f"{times} damaged traces (seed {seed}): {told.pop('recovered')} recovered; {sum(told.values())} chunks "
          f"in {len(told)} ways")


main()
