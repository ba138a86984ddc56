"""An image file on its way to three members: the time of an import beside the bare cost of what it does (one
SHA-256, two copies through TLS, three synced files), and what writes of the log notice of it."""
import argparse
import concurrent.futures
import hashlib
import os
import socket
import ssl
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import loopback
from measure import measured
from sides import Muster, make_certificate

WRITE = ("http", "PUT", "/1.0/profiles/b%c", '{"config":{"user.value":"%v"},"description":"","devices":{}}')


def import_image(member, path):
    """Seconds until the operation has ended; gives the fingerprint, too."""
    with open(path, "rb") as f:
        content = f.read()
    began = time.monotonic()
    operation = member.unix(120).ask("POST", "/1.0/images", content, {"Content-Type": "application/octet-stream"}).json["operation"]
    ended = member.unix(120).get(operation + "/wait?timeout=120").metadata
    assert ended["status"] == "Success", ended
    return time.monotonic() - began, ended["metadata"]["fingerprint"]


def write_synced(folder, content):
    with open(os.path.join(folder, f"copy{threading.get_ident()}"), "wb") as f:
        f.write(content)
        os.fsync(f.fileno())


def send_tls(content, certificate):
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    server.load_cert_chain(*certificate)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    ends = socket.socketpair()

    def receive():
        with server.wrap_socket(ends[0], server_side=True) as s:
            while s.recv(1 << 18):
                pass
    taker = threading.Thread(target=receive)
    taker.start()
    with client.wrap_socket(ends[1]) as s:
        s.sendall(content)
    taker.join()


def timed(what):
    began = time.monotonic()
    what()
    return time.monotonic() - began


def bare(content, certificate):
    """One after the other, each with both cores to itself."""
    with tempfile.TemporaryDirectory(dir=tempfile.gettempdir()) as folder, concurrent.futures.ThreadPoolExecutor(3) as three:
        return {"sha256": timed(lambda: hashlib.sha256(content).digest()),
                "tls": timed(lambda: list(three.map(lambda _: send_tls(content, certificate), range(2)))),
                "disk": timed(lambda: list(three.map(lambda _: write_synced(folder, content), range(3))))}


def imports(side, path, rounds, certificate):
    with open(path, "rb") as f:
        content = f.read()
    ours, bares = [], []
    for _ in range(rounds):
        bares.append(sum(bare(content, certificate).values()))
        seconds, fingerprint = import_image(side.leader(), path)
        ours.append(seconds)
        side.leader().unix(60).done("DELETE", f"/1.0/images/{fingerprint}")
    print(f"import        {statistics.median(ours):.2f} s (bare {statistics.median(bares):.2f} s, ratio "
          f"{statistics.median(a / b for a, b in zip(ours, bares)):.2f}), {rounds} rounds")


def writes_beside(side, path, clients, seconds, rounds):
    target = side.targets()["tls"]
    run = lambda: measured(side.pids(), [], target, WRITE, clients, side.certificate, seconds=seconds)
    for c in range(clients):
        side.leader().unix().ask("POST", "/1.0/profiles", {"name": f"b{c:04}"})
    alone, beside, count = [], [], 0
    for _ in range(rounds):
        alone.append(run())
        stop = threading.Event()
        made = []

        def keep_importing():
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)  # it stands for a client elsewhere
            while not stop.is_set():
                _, fingerprint = import_image(side.leader(), path)
                made.append(fingerprint)
                side.leader().unix(60).done("DELETE", f"/1.0/images/{fingerprint}")
        importer = threading.Thread(target=keep_importing)
        importer.start()
        beside.append(run())
        stop.set()
        importer.join()
        count += len(made)
    for name, runs in (("alone", alone), ("beside", beside)):
        figure = lambda key, of=runs: statistics.median(r[key] for r in of)
        print(f"writes {name:7}{figure('rate'):8.0f}/s  p50 {figure('p50_us') / 1e3:.2f} ms  p99 {figure('p99_us') / 1e3:.2f} ms  "
              f"errors {sum(r['errors'] for r in runs)}")
    ratio = statistics.median(b["p99_us"] / a["p99_us"] for a, b in zip(alone, beside))
    print(f"p99 x{ratio:.2f} beside {count} imports in {rounds * seconds:.0f} s, {clients} clients")


def main():
    options = argparse.ArgumentParser(prog="tools/dev bench images", description=__doc__)
    options.add_argument("-m", "--mib", type=int, default=100)
    options.add_argument("-r", "--rounds", type=int, default=5)
    options.add_argument("-s", "--seconds", type=float, default=8)
    options.add_argument("-c", "--clients", type=int, nargs="+", default=[1, 8, 32])
    wanted = options.parse_args()
    side = Muster()
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = loopback.big_image(folder, wanted.mib)
            imports(side, path, wanted.rounds, make_certificate(folder, "bare"))
            for clients in wanted.clients:
                writes_beside(side, path, clients, wanted.seconds, wanted.rounds)
    finally:
        side.stop()


if __name__ == "__main__":
    main()
