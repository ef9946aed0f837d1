# SPDX-License-Identifier: MIT
"""A session of LTTng-UST of its own, beside whatever runs on the machine: its daemon, its directory, ended by pid."""
import os
import subprocess
import time

NOBODY = 65534


class Refused(Exception):
    """LTTng does not run here; why."""


class Session:
    """Within `with` every event of the provider is recorded. directory: a new one that everybody may enter."""
    def __init__(self, directory, provider):
        self.directory, self.provider = directory, provider
        self.trace = os.path.join(directory, "lttng")
        # Root's daemon is the machine's; a user's is found through LTTNG_HOME.
        self.user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        self.env = {**os.environ, "LTTNG_HOME": directory, "HOME": directory, "LTTNG_UST_REGISTER_TIMEOUT": "-1"}

    def run(self, *command):
        return subprocess.run(command, env=self.env, cwd=self.directory, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, **self.user)

    def lttng(self, *arguments):
        p = self.run("lttng", "-n", *arguments)
        if p.returncode:
            raise Refused(f"lttng {arguments[0]}: {(p.stdout + p.stderr).strip().splitlines()[-1]}")

    def start(self):
        for _ in range(100):
            if not self.run("lttng", "-n", "list").returncode:
                break
            time.sleep(0.1)
        self.lttng("create", "bench", f"--output={self.trace}")
        self.lttng("enable-channel", "-u", "--subbuf-size=4M", "--num-subbuf=8", "channel")
        self.lttng("enable-event", "-u", f"{self.provider}:*", "-c", "channel")
        self.lttng("start")

    def __enter__(self):
        try:
            self.daemon = subprocess.Popen(["lttng-sessiond", "--no-kernel"], env=self.env, cwd=self.directory,
                                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL, **self.user)
        except FileNotFoundError:
            raise Refused("no lttng-sessiond: apt-get install lttng-tools") from None
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.run("lttng", "-n", "destroy")
        self.daemon.terminate()
        self.daemon.wait()

    def sizes(self):
        """-> bytes of its streams, events, events discarded."""
        p = subprocess.run(["babeltrace2", self.trace, "-c", "sink.utils.counter"], capture_output=True, text=True)
        count = {" ".join(words[1:]): int(words[0]) for words in map(str.split, p.stdout.splitlines()) if len(words) > 1}
        channels = [os.path.join(d, n) for d, _, names in os.walk(self.trace) for n in names
                    if n.startswith("channel_") and d.endswith("64-bit")]
        return sum(map(os.path.getsize, channels)), count["Event messages"], count["Discarded event messages"]
