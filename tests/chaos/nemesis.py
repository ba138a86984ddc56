"""What goes wrong, and when: all of it from one seed."""
import contextlib
import http.client
import random
import threading
import time

from workload import now_us


def other(world, m):
    return [o for o in world.members if o is not m]


def leads(m):
    try:
        return m.is_running() and not m.is_paused and m.status()["role"] == "leader"
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return False


def leader_or_any(world, chance):
    """The leader as it says it is, in two of three; else anybody."""
    if chance.random() < 0.67:
        for m in world.members:
            if leads(m):
                return m
    return chance.choice(world.members)


def kill(world, chance):
    m = leader_or_any(world, chance)
    if m.is_running():
        m.kill()
    return m.name


def kill_all(world, _):
    for m in world.members:
        if m.is_running():
            m.kill()
    return "all"


def pause(world, chance):
    m = leader_or_any(world, chance)
    m.pause()
    return m.name


def part(world, chance):
    """Nobody hears it and it hears nobody."""
    m = leader_or_any(world, chance)
    m.hear_nothing_of(other(world, m))
    for o in other(world, m):
        o.hear_nothing_of([m])
    return m.name


def deafen(world, chance):
    """It hears nobody, and everybody hears it."""
    m = leader_or_any(world, chance)
    m.hear_nothing_of(other(world, m))
    return m.name


def mute(world, chance):
    """Nobody hears it, and it hears everybody."""
    m = leader_or_any(world, chance)
    for o in other(world, m):
        o.hear_nothing_of([m])
    return m.name


def cut_one_pair(world, chance):
    """Two do not hear each other; the third hears both."""
    a, b = chance.sample(world.members, 2)
    a.hear_nothing_of([b])
    b.hear_nothing_of([a])
    return f"{a.name}-{b.name}"


def lose_packets(world, chance):
    percent = chance.choice([5, 15, 30])
    for m in world.members:
        m.lose(percent)
    return f"{percent} %"


def fill_disk(world, chance):
    """And writes so much that it does not fit into what the log has set aside."""
    m = leader_or_any(world, chance)
    m.fill_disk()
    client = chance.choice(other(world, m)).unix(10)
    large = {"config": {f"user.{n}": "x" * 60_000 for n in range(14)}}
    with contextlib.suppress(OSError, http.client.HTTPException):
        for _ in range(30):
            client.ask("PUT", "/1.0/profiles/bulk", large)
            if not m.is_running():
                break
    return m.name


def jump_clock(world, chance):
    m = leader_or_any(world, chance)
    ahead_s = chance.choice([-86400 * 400, -3600, -5, 5, 3600, 86400 * 400])
    m.set_clock(ahead_s)
    return f"{m.name} {ahead_s:+} s"


FAULTS = [kill, kill_all, pause, part, deafen, mute, cut_one_pair, lose_packets, fill_disk, jump_clock]


class Nemesis(threading.Thread):
    """Each fault comes once before any comes again; one of three comes with a second one beside it."""

    def __init__(self, world, seed, end, only=None):
        super().__init__()
        self.world, self.chance, self.end = world, random.Random(seed), end
        self.faults = [f for f in FAULTS if not only or f.__name__ in only]
        self.done = []       # (when in µs of the history, fault, whether it met the leader and came alone)
        self.failure = None
        self.round = []

    def next_fault(self):
        if not self.round:
            self.round = self.chance.sample(self.faults, len(self.faults))
        return self.round.pop()

    def strike(self, alone):
        fault = self.next_fault()
        led = [m.name for m in self.world.members if leads(m)]
        victim = fault(self.world, self.chance)
        self.done.append((now_us(), fault.__name__, alone and victim in led))
        print(f"  {fault.__name__} {victim}{' (leader)' if victim in led else ''}", flush=True)

    def run(self):
        try:
            while time.monotonic() < self.end:
                count = 2 if self.chance.random() < 0.33 else 1
                for _ in range(count):
                    self.strike(count == 1)
                time.sleep(self.chance.uniform(0.3, 3.5))
                ended = self.world.unexpected_ends()
                if ended:
                    raise AssertionError(f"{[m.name for m in ended]} ended by itself: {ended[0].log_text()[-1500:]}")
                self.world.heal()
                time.sleep(self.chance.uniform(0.5, 2.5))
        except BaseException as e:  # noqa: B902 shown by whoever waits for this thread
            self.failure = e
