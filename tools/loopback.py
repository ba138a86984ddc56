"""Real musterd processes on loopback, for the demo, tests and benchmarks. Standard library only."""
import base64
import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.environ.get("MUSTER_BIN", os.path.join(ROOT, "build/release/bin"))


_ports = []  # locks of the ports that this process was given, held as long as it lives


def free_port():
    """A port nobody listens on now, below those that outgoing connections take; no other test gets it."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        first_given = int(f.read().split()[0])
    locks = os.path.join(tempfile.gettempdir(), "muster-ports")
    os.makedirs(locks, exist_ok=True)
    while True:
        port = random.randrange(max(1024, first_given - 20_000), first_given)
        lock = open(os.path.join(locks, str(port)), "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.closing(socket.socket()) as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            lock.close()
            continue
        _ports.append(lock)
        return port


def wait_for(what, deadline_s=20.0, every_s=0.02):
    """Polls until `what()` is true; gives its value. Fails with the last value at the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not true within {deadline_s} s: {what}")
        time.sleep(every_s)


def remove_folder(folder):
    """Ends every container that runs from the folder, unmounts what is mounted in it, removes it."""
    subprocess.run(["pkill", "-KILL", "-f", f"lxc monitor.*{folder}"], check=False)
    wait_for(lambda: subprocess.run(["pgrep", "-f", f"lxc monitor.*{folder}"],
                                    stdout=subprocess.DEVNULL).returncode != 0)
    with open("/proc/self/mounts") as mounts:
        points = [line.split()[1] for line in mounts if line.split()[1].startswith(folder)]
    for point in reversed(points):
        subprocess.run(["umount", "-l", point], check=False)
    for at, names, _ in os.walk("/sys/fs/cgroup", topdown=False):
        for name in names:  # only empty ones can be removed; those of others may be empty for a moment
            if "/muster/" + folder.replace("/", "-") in os.path.join(at, name):
                with contextlib.suppress(OSError):
                    os.rmdir(os.path.join(at, name))
    subprocess.run(["chmod", "-R", "u+rwx", folder], check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(folder, ignore_errors=True)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("muster", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def metadata(self):
        return self.json["metadata"]

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Client:
    """One kept-alive connection to one member."""

    def __init__(self, connect):
        self.connect = connect
        self.connection = None

    def ask(self, method, path, body=None, headers=None):
        if self.connection is None:
            self.connection = self.connect()
        data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        head = {"Content-Type": "application/json"} if data is not None else {}
        head.update(headers or {})
        try:
            self.connection.request(method, path, data, head)
            r = self.connection.getresponse()
            answer = Answer(r.status, r.headers, r.read())
            if r.will_close:
                self.close()
            return answer
        except BaseException:
            self.close()
            raise

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def done(self, method, path, body=None, timeout_s=60):
        """Asks, waits for the operation if one was started; gives its metadata. Fails on any error."""
        answer = self.ask(method, path, body)
        assert answer.status < 400, answer
        if answer.status != 202:
            return answer.metadata
        ended = self.get(answer.json["operation"] + f"/wait?timeout={timeout_s}")
        assert ended.status == 200 and ended.json["type"] == "sync", ended
        assert ended.metadata["status"] == "Success", ended
        return ended.metadata

    def __del__(self):
        self.close()

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def upload_image(client, folder, alias="tiny", release="1", project="default"):
    """A small image that runs; gives its fingerprint."""
    path = os.path.join(folder, f"{alias}.tar.gz")
    subprocess.run([os.path.join(ROOT, "tools/make-image"), path, release], check=True)
    with open(path, "rb") as f:
        started = client.ask("POST", f"/1.0/images?project={project}", f.read(), {"Content-Type": "application/octet-stream",
                                                               "X-Incus-filename": os.path.basename(path)})
    ended = client.get(started.json["operation"].split("?")[0] + "/wait?timeout=60").metadata
    fingerprint = ended["metadata"]["fingerprint"]
    client.done("POST", f"/1.0/images/aliases?project={project}", {"name": alias, "target": fingerprint})
    return fingerprint


def big_image(folder, mib):
    """A tarball of so many MiB that nothing makes smaller; gives its path."""
    tree = os.path.join(folder, "tree")
    os.makedirs(os.path.join(tree, "rootfs"), exist_ok=True)
    with open(os.path.join(tree, "metadata.yaml"), "w") as f:
        f.write("architecture: x86_64\ncreation_date: 1\nproperties: {os: big}\n")
    with open(os.path.join(tree, "rootfs/noise"), "wb") as f:
        f.write(os.urandom(mib << 20))
    path = os.path.join(folder, "big.tar")
    subprocess.run(["tar", "-C", tree, "-cf", path, "."], check=True)
    return path


def tls_context(certificate=None, key=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without the system's certificates: they take long to load
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


class Member:
    def __init__(self, folder, name):
        self.name = name
        self.dir = os.path.join(folder, name)
        self.log = os.path.join(folder, name + ".log")
        self.port = free_port()
        self.process = None
        self.program = "musterd"
        self.prefix = []  # what starts musterd somewhere else

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def socket(self):
        return os.path.join(self.dir, "unix.socket")

    def start(self, *more, env=None):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, os.path.join(BIN, self.program), "--data-dir", self.dir, "--name", self.name,
                 "--address", self.address, *more],
                stdout=log, stderr=log, env={**os.environ, **(env or {})})
        return self

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def wait_ready(self, deadline_s=20.0):
        def ready():
            if not self.is_running():
                raise AssertionError(f"{self.name} ended: {self.log_text()[-2000:]}")
            try:
                return self.unix(2).get("/internal/ready").status == 200
            except OSError:
                return False
        wait_for(ready, deadline_s)
        return self

    def log_text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def kill(self, sig=signal.SIGKILL):
        self.process.send_signal(sig)
        return self.process.wait(20)

    def unix(self, timeout=15):
        return Client(lambda: UnixConnection(self.socket, timeout))

    def tls(self, certificate=None, key=None, timeout=15):
        context = tls_context(certificate, key)
        return Client(lambda: http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=timeout, context=context))

    def status(self):
        return self.unix(5).get("/internal/status").metadata

    def muster(self, *arguments, timeout=20):
        return subprocess.run([os.path.join(BIN, "muster"), *arguments, "--data-dir", self.dir],
                              capture_output=True, text=True, timeout=timeout)


class Cluster:
    """Members in a temporary folder; everything is ended and removed at the end."""

    def __init__(self, count=3, env=None, keep=False, folder=None):
        self.folder = folder or tempfile.mkdtemp(prefix="muster.")
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o711)  # containers' users pass through it
        self.env = env
        self.keep = keep
        self.members = []
        for i in range(count):
            self.add(f"n{i + 1}")

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        for m in self.members:
            if m.is_running():
                m.kill()
        if failed:
            for m in self.members:
                print(f"--- log of {m.name}\n{m.log_text()[-3000:]}", flush=True)
        if not self.keep:
            remove_folder(self.folder)

    def add(self, name):
        m = Member(self.folder, name)
        self.members.append(m)
        if len(self.members) == 1:
            m.start("--bootstrap", env=self.env).wait_ready()
            return m
        token = self.members[0].muster("token", name)
        assert token.returncode == 0, token.stderr
        m.start("--join", token.stdout.strip(), env=self.env).wait_ready()
        try:
            wait_for(lambda: m.log_text().count("serves") or not m.is_running(), 40)
        finally:
            if not m.log_text().count("serves"):
                print(f"--- log of {m.name}, which does not serve\n{m.log_text()[-6000:]}", flush=True)
        return m

    def __getitem__(self, i):
        return self.members[i]

    def leader(self, among=None):
        """The member that leads, once one of those running does; its followers must name it."""
        def find():
            running = [m for m in (among or self.members) if m.is_running()]
            said = {}
            for m in running:
                try:
                    said[m.name] = m.status()
                except (OSError, http.client.HTTPException):
                    return None
            leads = [m for m in running if said[m.name]["role"] == "leader"]
            agreed = leads and all(s["leader"] == leads[0].name for s in said.values())
            return leads[0] if agreed else None
        return wait_for(find, 30)

    def wait_voters(self, count):
        wait_for(lambda: self.members[0].status()["voters"] == count, 30)

    def restart(self, m):
        m.start(env=self.env).wait_ready()


class WebSocket:
    """A client's end of RFC 6455, for tests."""

    def __init__(self, sock, path, headers=""):
        self.sock = sock
        key = base64.b64encode(os.urandom(16)).decode()
        sock.sendall((f"GET {path} HTTP/1.1\r\nHost: muster\r\nUpgrade: websocket\r\n"
                      f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                      f"Sec-WebSocket-Version: 13\r\n{headers}\r\n").encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        self.head = head.decode()
        wanted = base64.b64encode(hashlib.sha1(
            (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        assert "101" in self.head.split("\r\n")[0] and wanted in self.head, self.head

    @staticmethod
    def unix(path, target, timeout=15):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(timeout)
        s.connect(path)
        return WebSocket(s, target)

    def _more(self):
        part = self.sock.recv(65536)
        if not part:
            raise EOFError("the peer has closed")
        self.buffer += part

    def _take(self, count):
        while len(self.buffer) < count:
            self._more()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def read(self):
        """The next frame that is no ping: (opcode, payload)."""
        while True:
            op, payload = self.read_any()
            if op != 9:
                return op, payload

    def read_any(self):
        first, length = self._take(2)
        length &= 127
        if length == 126:
            length = struct.unpack(">H", self._take(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self._take(8))[0]
        return first & 15, self._take(length)

    def send(self, payload, op=1):
        data = payload.encode() if isinstance(payload, str) else payload
        mask = os.urandom(4)
        n = len(data)
        head = bytes([0x80 | op]) + (bytes([0x80 | n]) if n < 126 else
                                     bytes([0x80 | 126]) + struct.pack(">H", n) if n < 65536 else
                                     bytes([0x80 | 127]) + struct.pack(">Q", n))
        self.sock.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def close(self):
        self.sock.close()
