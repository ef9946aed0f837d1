# SPDX-License-Identifier: MIT
"""What the tests in the chroot share: MIOpen's settings, the two targets."""
import shutil

from rdna1 import *
from witness import expect_agent_right

DRIVERS = "/usr/libexec/rocm"
TARGETS = {"gfx1010": {}, "gfx1030": {"HSA_OVERRIDE_GFX_VERSION": "10.3.0"}}


def package_file(name):
    """A program of MIOpen's tests package, by its path in the chroot."""
    root = os.environ["ROCM6"] + "/root"
    for folder in sorted(os.listdir(root + DRIVERS)):
        path = f"{DRIVERS}/{folder}/{name}"
        if os.access(root + path, os.X_OK):
            return path
    print(f"no {name} in {DRIVERS}")
    sys.exit(77)


def miopen_env(target, **more):
    """A home of its own: what MIOpen found or compiled before is in there."""
    home = os.path.join(T, "home")
    shutil.rmtree(home, ignore_errors=True)
    os.mkdir(home)
    return {**os.environ, "HOME": home, **TARGETS[target], **more}


def expect_clean(r):
    """Recorded whole, no fault, nothing that the emulator lacks, kernels with their names, and the agent's stream as the
    device and the code objects have it."""
    text = report(r.dir)
    expect("\nFaults: none\n" in text and "limit of the emulator" not in text, text)
    expect_no_loss(r.dir)
    kernels = rows(text, "Kernels dispatched")
    expect(kernels and not [k for k in kernels if k["kernel"].startswith("0x")], text)
    expect(rows(text, "Allocated through HSA"), text)
    expect_agent_right(r.dir)
    return kernels
