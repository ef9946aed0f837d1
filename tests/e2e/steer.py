#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random packets of several threads, of which the agent replaces some and computes some on the host: every signal and
every result is as it must be, and what was steered is what the program sent (tests/tools/hsa-steer.c).

steer.py PACKETS WAY...    ways: place (in the ring), front (a ring in front), intercept (the same, since all packets
                           are to be seen), watched (the watchdog looks often), timed, other (a second tool before and behind), ring
                           (the newest events only)
"""
import shutil

from rdna1 import *

TOOLS = os.path.join(BUILD, "tests", "tools")
STEER, CODE, OTHER = (os.path.join(TOOLS, n) for n in ("hsa-steer", "steer.co", "steer-other.co"))
FILE = f"replace=set_wrong={OTHER}:set_right"
BACK = "replace=naive_conv_bwd_nchw_fp32=native"
RUNTIME = 3  # of queue_gap: the runtime's own queue
WAYS = {  # words for the agent, of hsa-steer, threads, and what the forward convolutions become
    "place": ((FILE, BACK, "replace=naive_conv_fwd_nchw_fp32=native"), ("destroy",), 4, 2),
    "front": ((FILE, BACK, "replace=naive_conv_fwd_nchw_fp32=host"), ("destroy",), 4, 3),
    "intercept": ((FILE, BACK, "replace=naive_conv_fwd_nchw_fp32=native", "dispatch=intercept"), ("destroy",), 4, 2),
    "watched": ((FILE, BACK, "replace=naive_conv_fwd_nchw_fp32=host", "watchdog=1"), ("destroy",), 4, 3),
    "timed": ((FILE, BACK, "replace=naive_conv_fwd_nchw_fp32=host", "timing=all"), (), 4, 3),
    "other": ((FILE, BACK, "replace=naive_conv_fwd_nchw_fp32=host"), ("destroy",), 4, 3),
    "ring": ((FILE, BACK, "replace=naive_conv_fwd_nchw_fp32=host", "buffer=8M"), ("destroy",), 4, 3),
}


def events(directory, *names):
    for e in dump(directory):
        if e["event"] in names:
            yield e["event"], e["fields"]


def compare(directory, counts, forward):
    """The trace: what was sent is there as it was sent, and says what it became; nothing else does."""
    kernels, steered, dispatched, runs = {}, {}, {}, 0
    for name, f in events(directory, "kernel_symbol", "steered", "dispatch", "host_run", "queue_gap"):
        if name == "kernel_symbol":
            kernels[f["kernel_object"]] = f["name"]
        elif name == "dispatch":
            kernel = int.from_bytes(bytes.fromhex(f["packet"])[32:40], "little")
            dispatched[f["queue_id"], f["index"]] = kernels[kernel]
        elif name == "steered":
            expect(f["passed"] == 0, f"passed on: {f}")
            expect((f["queue_id"], f["index"]) not in steered, f"twice: {f}")
            steered[f["queue_id"], f["index"]] = (kernels[f["kernel_object"]], f["action"])
        elif name == "queue_gap":
            expect(f["cause"] == RUNTIME, f"not read: {f}")
        else:
            expect(f["error"] == 0, f)
            runs += 1
    action = {"set_wrong": 1, "naive_conv_bwd_nchw_fp32": 2, "naive_conv_fwd_nchw_fp32": forward}
    for at, kernel in dispatched.items():
        expect(steered.get(at) == ((kernel, action[kernel]) if kernel in action else None), f"{at} {kernel} {steered.get(at)}")
    expect(set(steered) <= set(dispatched), "steered, and no dispatch")
    done_ = {k: sum(s[0] == k for s in steered.values()) for k in action}
    # Of queues that were destroyed some more were sent.
    for kernel, n in (("set_wrong", counts["replaced"]), ("naive_conv_bwd_nchw_fp32", counts["backward"])):
        expect(done_[kernel] == n, f"{kernel}: {done_[kernel]} steered, {n} in the program")
    expect(done_["naive_conv_fwd_nchw_fp32"] >= counts["forward"], f"{done_} {counts}")
    expect(counts["forward"] <= runs <= done_["naive_conv_fwd_nchw_fp32"] if forward == 3 else runs == 0, f"{runs} host runs")
    return len(steered)


def other_tool(r, log):
    with open(log) as f:
        seen = dict(line.split() for line in f)
    expect(int(seen["queue_create"]) >= 6 and int(seen["queue_destroy"]) > 0 and int(seen["dispatch"]) > 0, seen)


def main():
    packets, total = int(sys.argv[1]), 0
    for seed, way in enumerate(sys.argv[2:], 1):
        if SANITIZED and way != "place":
            continue
        words, args, threads, forward = WAYS[way]
        for order in ("behind", "before") if way == "other" else ("",):
            name = way + order
            env = {**os.environ, "RDNA1_TRACE_OPTIONS": " ".join(words), "XDG_STATE_HOME": T}
            log = f"{T}/{name}.counts"
            if order:
                env["OTHER_TOOL_LOG"] = log
                tool = os.path.join(TOOLS, "other-tool.so")
                if order == "behind":
                    env["HSA_TOOLS_LIB"] = tool
                else:  # the agent first: its words, then the tool's
                    env["HSA_TOOLS_LIB"] = f"{BUILD}/librdna1-agent.so.1 {tool}"
            r = record(name, STEER, CODE, threads, packets, seed, *args, options=("--emulate", "-q"), env=env, timeout=900)
            r.expect_status(0)
            m = re.fullmatch(r"(\d+) packets: (\d+) kernels as they are, (\d+) replaced, (\d+) forward, (\d+) backward, .*"
                             r"all as expected\n", r.out)
            expect(m, f"{way}: {r.out}{r.err}")
            counts = dict(zip(("packets", "plain", "replaced", "forward", "backward"), map(int, m.groups())))
            expect(counts["packets"] >= packets and min(counts.values()) > packets / 100, counts)
            if way not in ("ring",) and packets <= 100000:
                expect_no_loss(r.dir)
                total += compare(r.dir, counts, forward)
            if order:
                other_tool(r, log)
            shutil.rmtree(r.dir)
    # What nobody steers fails: the test can see it.
    r = record("without", STEER, CODE, 2, 2000, 9, options=("--emulate", "-q"))
    expect(r.status == 1 and "FAILED" in r.out, r.out)
    print(f"{len(sys.argv) - 2} ways of {packets} packets, {total} steered dispatches in their traces")


main()
