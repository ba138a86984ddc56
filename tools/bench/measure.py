"""One run of muster-load against one side, with who used the CPU meanwhile."""
import json
import os
import subprocess
import time

import loopback

TICK = os.sysconf("SC_CLK_TCK")
BUSY = ["sh", "-c", "while :; do :; done"]
OTHERS_MAX = 0.2  # cores; a run with more is marked


def busy_and_stolen():
    """CPU seconds of this machine since it started: used by anybody, taken by the host."""
    with open("/proc/stat") as f:
        n = [int(x) / TICK for x in f.readline().split()[1:9]]
    return n[0] + n[1] + n[2] + n[5] + n[6], n[7]


def cpu_of(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK
    except OSError:
        return 0.0


def resident_mib(pid):
    with open(f"/proc/{pid}/status") as f:
        status = dict(line.split(":\t", 1) for line in f)
    return int(status["VmRSS"].split()[0]) / 1024


class Watch:
    """CPU between `with` and its end: of `servers`, and of those who have nothing to do with it."""

    def __init__(self, servers, ours=()):
        self.servers, self.ours = list(servers), list(ours)

    def add(self, pid):
        """A server that was started meanwhile."""
        self.servers.append(pid)
        self.before[pid] = 0.0

    def __enter__(self):
        self.began = time.monotonic()
        self.busy, self.stolen = busy_and_stolen()
        self.before = {p: cpu_of(p) for p in [*self.servers, *self.ours]}
        self.own = sum(os.times()[:4])
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.began
        busy, stolen = busy_and_stolen()
        used = {p: cpu_of(p) - before for p, before in self.before.items()}
        self.servers_s = sum(used[p] for p in self.servers)
        own = sum(os.times()[:4]) - self.own
        self.others = max(0.0, (busy - self.busy - sum(used.values()) - own) / self.seconds)
        self.stolen = (stolen - self.stolen) / self.seconds


def wait_quiet(ours, seconds):
    """Until others leave the machine alone, at most so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with Watch([], ours) as w:
            time.sleep(0.3)
        if w.others <= OTHERS_MAX:
            return


def load_command(targets, ask, clients, certificate=None, seconds=3.0, warmup=0.3, total=0, first=0, patience=0):
    """`ask`: (protocol, method, path, body)."""
    protocol, method, path, body = ask
    command = [os.path.join(loopback.BIN, "muster-load"), method, path, "--protocol", protocol,
               "--clients", str(clients), "--seconds", str(seconds), "--warmup", str(warmup),
               "--patience", str(patience), "--to", *targets]
    if body:
        command += ["--body", body]
    if certificate:
        command += ["--cert", certificate[0], "--key", certificate[1]]
    if total:
        command += ["--total", str(total)]
    return [*command, "--first", str(first)]


def load(target, ask, clients, certificate=None, **more):
    """What muster-load says."""
    command = load_command([target], ask, clients, certificate, **more)
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    said = json.loads(done.stdout)
    said["why"] = done.stderr.strip()
    return said


def measured(servers, ours, *arguments, **more):
    """Figures of one run."""
    with Watch(servers, ours) as w:
        said = load(*arguments, **more)
    # The servers' CPU covers the warm-up too; so must the count.
    asked = max(1.0, said["ops"] * w.seconds / max(said["seconds"], 0.001))
    return {"rate": said["ops"] / said["seconds"], "p50_us": said["p50_us"], "p99_us": said["p99_us"],
            "max_us": said["max_us"], "cpu_us": w.servers_s / asked * 1e6, "load_cores": said["cpu_s"] / said["seconds"],
            "silence_s": said["silence_s"], "errors": said["errors"] + said["broken"], "why": said["why"],
            "others": w.others, "stolen": w.stolen, "is_noisy": w.others > OTHERS_MAX}
