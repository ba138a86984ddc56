"""Clients that write, read and append, and the history of what they were told."""
import http.client
import json
import random
import socket
import threading
import time

EPOCH_S = 5           # so long is a key used; short histories are quick to check
REGISTERS, CHAINS = 2, 1
START = time.monotonic()


def now_us():
    return int((time.monotonic() - START) * 1e6)


def outcome_of(op, status, text, is_stale):
    """What an answer means (GUARANTEES.md). `status` None: no answer came to a request that may have left."""
    changes = op != "read"
    if status is None:
        return "unknown" if changes else "fail"
    if status < 300:
        return "fail" if is_stale else "ok"
    if status == 504 or (status >= 500 and "may or may not" in text):
        return "unknown" if changes else "fail"
    return "fail"


NOTHING = "0:cbf29ce484222325"


def next_past(past, value):
    """COUNT:DIGEST of all that was appended (tests/checkers/history.hpp)."""
    count, digest = past.split(":")
    digest = int(digest, 16)
    for byte in f"{value}\n".encode():
        digest = (digest ^ byte) * 0x100000001b3 % (1 << 64)
    return f"{int(count) + 1}:{digest:016x}"


class Unsent(Exception):
    """The connection could not be made: nothing was asked."""


class History:
    def __init__(self):
        self.lock, self.lines = threading.Lock(), []

    def add(self, **what):
        with self.lock:
            self.lines.append(what)

    def write(self, path):
        with open(path, "w") as f:
            for line in sorted(self.lines, key=lambda l: l["start_us"]):
                f.write(json.dumps(line) + "\n")

    def counts(self):
        found = {}
        for line in self.lines:
            name = f"{line['op']} {line['outcome']}"
            found[name] = found.get(name, 0) + 1
        return dict(sorted(found.items()))


def silences(history, faults):
    """fault → seconds from it to the end of the first acknowledged write that began behind it; of those that
    met the leader and came alone."""
    writes = sorted((l["start_us"], l["end_us"]) for l in history.lines
                    if l["op"] in ("write", "append") and l["outcome"] == "ok" and l["client"] < 990)
    found = {}
    for when, fault, led_alone in faults:
        after = [end for start, end in writes if start > when]
        if led_alone and after:
            found.setdefault(fault, []).append((min(after) - when) / 1e6)
    return found


class Worker(threading.Thread):
    """One client at one member, one question after the other."""

    def __init__(self, number, member, history, seed, until):
        super().__init__()
        self.number, self.member, self.history, self.until = number, member, history, until
        self.appends = number % 3 == 2
        self.chance = random.Random(seed * 1000 + number)
        self.client = None
        self.name_of_next = 1000 * (number + 1)
        self.count = 0
        self.failure = None

    def ask(self, method, path, body=None, headers=None):
        if self.client is None:
            self.client = self.member.unix(6)
        fresh = self.client.connection is None
        if fresh:
            connection = self.client.connect()
            try:
                connection.connect()
            except OSError as e:
                raise Unsent from e
            self.client.connection = connection
        return self.client.ask(method, path, body, headers)

    def asked(self, op, method, path, body=None, headers=None):
        """(outcome, answer or None)"""
        try:
            answer = self.ask(method, path, body, headers)
        except Unsent:
            return "fail", None
        except (OSError, http.client.HTTPException, socket.timeout):
            return outcome_of(op, None, "", False), None
        text = answer.body.decode(errors="replace")
        return outcome_of(op, answer.status, text, "X-Muster-Stale" in answer.headers), answer

    def note(self, op, key, value, start_us, outcome, result=""):
        self.history.add(client=self.number, op=op, key=key, value=value, start_us=start_us, end_us=now_us(),
                         outcome=outcome, result=result)
        if outcome == "unknown":  # it may happen for ever: from here on this is another client
            self.number, self.name_of_next = self.name_of_next, self.name_of_next + 1
        if outcome != "ok":
            time.sleep(0.02)

    def write(self, key):
        value = self.fresh_value()
        start = now_us()
        outcome, _ = self.asked("write", "PUT", f"/1.0/profiles/{key}", {"config": {"user.value": value}})
        self.note("write", key, value, start, outcome)

    def read(self, key):
        start = now_us()
        outcome, answer = self.asked("read", "GET", f"/1.0/profiles/{key}?consistency=strict")
        found = answer.metadata["config"].get("user.value", "") if outcome == "ok" else ""
        self.note("read", key, "", start, outcome, found)

    def append(self, key):
        """Read, then replace if nobody else did meanwhile: one step, which tells the past."""
        value = self.fresh_value()
        start = now_us()
        outcome, answer = self.asked("read", "GET", f"/1.0/profiles/{key}?consistency=strict")
        if outcome != "ok":
            return self.note("append", key, value, start, "fail")
        past = answer.metadata["config"].get("user.value", NOTHING)
        outcome, _ = self.asked("append", "PUT", f"/1.0/profiles/{key}",
                                {"config": {"user.value": next_past(past, value)}}, {"If-Match": answer.headers["ETag"]})
        # Of an append that may not have happened the history must not say where it stands.
        return self.note("append", key, value, start, outcome, past if outcome == "ok" else "")

    def fresh_value(self):
        self.count += 1
        return f"{self.number}.{self.count}"

    def step(self):
        epoch = now_us() // (EPOCH_S * 1_000_000)
        if self.appends:
            return self.append(chain_key(epoch, 0))
        key = register_key(epoch, self.chance.randrange(REGISTERS))
        return self.read(key) if self.chance.random() < 0.5 else self.write(key)

    def run(self):
        try:
            while time.monotonic() < self.until:
                self.step()
                time.sleep(self.chance.uniform(0.005, 0.03))
        except BaseException as e:  # noqa: B902 shown by whoever waits for this thread
            self.failure = e


def register_key(epoch, slot):
    return f"reg-{epoch}-{slot}"


def chain_key(epoch, slot):
    return f"chain-{epoch}-{slot}"


def keys_until(seconds):
    epochs = range(int(seconds / EPOCH_S) + 1)
    return ([register_key(e, s) for e in epochs for s in range(REGISTERS)],
            [chain_key(e, s) for e in epochs for s in range(CHAINS)])


def create_keys(member, seconds):
    client = member.unix(10)
    registers, chains = keys_until(seconds)
    for key in ["bulk", *registers, *chains]:
        answer = client.ask("POST", "/1.0/profiles", {"name": key, "config": {}})
        assert answer.status == 201, answer


def read_all(members, seconds, history):
    """After everything: the last word of each member about each key."""
    registers, chains = keys_until(seconds)
    said = {}
    for n, m in enumerate(members):
        client = m.unix(10)
        for key in registers + chains:
            start = now_us()
            answer = client.get(f"/1.0/profiles/{key}?consistency=strict")
            assert answer.status == 200, answer
            value = answer.metadata["config"].get("user.value", "" if key in registers else NOTHING)
            said.setdefault(key, set()).add(value)
            history.add(client=990 + n, op="read", key=key, value="", start_us=start, end_us=now_us(),
                        outcome="ok", result=value)
    return {key: values for key, values in said.items() if len(values) > 1}
