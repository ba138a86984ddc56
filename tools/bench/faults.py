"""Rows that are not a plain load: a leader killed, idleness, many records with restart and rejoin."""
import json
import os
import signal
import subprocess
import time

from loopback import wait_for
from measure import BUSY, OTHERS_MAX, Watch, load, load_command, resident_mib


def plain(watch, **figures):
    return {**figures, "errors": 0, "why": "", "others": watch.others, "stolen": watch.stolen,
            "is_noisy": watch.others > OTHERS_MAX}


def idle(side, seconds):
    """A member's share of one core in the mean, and the memory of the largest."""
    pids = side.pids()
    with Watch(pids) as w:
        time.sleep(seconds)
    return plain(w, cpu_percent=100 * w.servers_s / w.seconds / len(pids),
                 rss_mib=max(resident_mib(p) for p in pids))


def failover(side, question, patience, seconds, sig=signal.SIGKILL):
    """Seconds without an acknowledged write around the signal to the leader, for two clients that write to
    the others all the time, one each, and try again at once."""
    victim = side.leader()
    others = [m for m in side.members() if m is not victim]
    command = load_command([side.target(m) for m in others], question, 2, side.certificate, seconds=seconds,
                           warmup=0, patience=patience)
    with Watch(side.pids()) as w:
        loader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(0.7)  # of undisturbed writes
        victim.process.send_signal(sig)
        said, _ = loader.communicate(timeout=60)
    victim.kill()
    side.start(victim)
    wait_for(side.leader, 30)
    wait_caught_up(side)
    return plain(w, seconds=json.loads(said)["silence_s"])


def wait_caught_up(side):
    """The next kill must not find a member that has not come back."""
    wait_for(lambda: all(m.is_running() and side.answers_reads(m) for m in side.members()), 40)


def fill(side, question, count, first):
    """`count` records created by 32 clients."""
    target = next(iter(side.targets().values()))
    with Watch(side.pids()) as w:
        said = load(target, question, 32, side.certificate, total=count, first=first, warmup=0)
    found = plain(w, rate=said["ops"] / said["seconds"], seconds=said["silence_s"])
    found["errors"] = said["errors"] + said["broken"]
    found["why"] = said["why"]
    return found


def back_after(side, start, name):
    """Seconds from kill -9 of a follower and `start` of it to its first correct linearizable read."""
    leader = side.leader()
    victim = next(m for m in side.members() if m is not leader)
    victim.kill()
    time.sleep(0.5)
    with Watch(side.pids()) as w:
        began = time.monotonic()
        start(victim)
        w.add(victim.process.pid)
        wait_for(lambda: side.reads(victim, name), 300, 0.01)
        took = time.monotonic() - began
    return plain(w, seconds=took)


def settled(side, deadline_s=60):
    """Seconds until no member has work left from before, such as a compaction: three of less than a fiftieth of
    a core each."""
    began, quiet = time.monotonic(), 0
    with Watch(side.pids()) as all_of_it:
        while quiet < 3 and time.monotonic() - began < deadline_s:
            with Watch(side.pids()) as w:
                time.sleep(1)
            quiet = quiet + 1 if w.servers_s / w.seconds / len(side.pids()) < 0.02 else 0
    return plain(all_of_it, seconds=time.monotonic() - began - quiet)


def steady(side, questions, seconds):
    """Reads and writes beside as many busy loops as there are cores: how often another leader was elected
    though nothing was wrong, and the longest time without an acknowledged write."""
    before = side.term()
    target = next(iter(side.targets().values()))
    spinners = [subprocess.Popen(BUSY) for _ in range(os.cpu_count())]
    reader = subprocess.Popen(load_command([target], questions["read"], 16, side.certificate, seconds=seconds),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with Watch(side.pids()) as w:
            said = load(target, questions["write"], 16, side.certificate, seconds=seconds)
    finally:
        for p in [*spinners, reader]:
            p.kill()
            p.wait()
    found = plain(w, elections=side.term() - before, seconds=said["silence_s"], rate=said["ops"] / said["seconds"])
    found["errors"], found["is_noisy"] = said["errors"] + said["broken"], False
    return found
