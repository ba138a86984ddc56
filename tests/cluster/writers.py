"""Clients that write without end, and what they were told."""
import http.client
import threading
import time


class Writers:
    """`count` threads that create profiles through `members`, one after the other."""

    def __init__(self, members, count, prefix):
        self.members, self.prefix = members, prefix
        self.lock = threading.Lock()
        self.acknowledged = {}   # name → when
        self.refused = []        # (status, seconds it took)
        self.codes = {}
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(k,)) for k in range(count)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for t in self.threads:
            t.join()

    def _run(self, k):
        clients = [m.unix(30) for m in self.members]
        n = 0
        while not self.stopping.is_set():
            name = f"{self.prefix}-{k}-{n}"
            client = clients[n % len(clients)]
            n += 1
            began = time.monotonic()
            try:
                status = client.ask("POST", "/1.0/profiles", {"name": name, "config": {}}).status
            except (OSError, http.client.HTTPException):
                status = 0
            now = time.monotonic()
            with self.lock:
                self.codes[status] = self.codes.get(status, 0) + 1
                if status == 201:
                    self.acknowledged[name] = now
                else:
                    self.refused.append((status, now - began))

    def first_acknowledged_after(self, moment):
        """Seconds from `moment` to the end of the longest silence that covers it."""
        times = sorted(self.acknowledged.values())
        pairs = [(b - a, b - moment) for a, b in zip(times, times[1:]) if b > moment]
        return max(pairs)[1]


def profiles_on(member):
    """Names of all profiles as this member shows them, once it answers from a quorum."""
    while True:
        answer = member.unix().get("/1.0/profiles")
        if answer.status == 200 and "X-Muster-Stale" not in answer.headers:
            return [url.rsplit("/", 1)[1] for url in answer.metadata]
        time.sleep(0.05)


def missing_or_doubled(acknowledged, found):
    """What was acknowledged and is not there, and what is there twice."""
    return ([n for n in acknowledged if n not in set(found)],
            [n for n in set(found) if found.count(n) > 1] if len(set(found)) != len(found) else [])
