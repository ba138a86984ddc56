"""The two that are compared: clusters of three members on loopback that a load can be pointed at."""
import base64
import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile

import loopback
from loopback import wait_for


def make_certificate(folder, name):
    """A self-signed certificate for 127.0.0.1, of the kind that muster makes: (certificate, key)."""
    paths = [os.path.join(folder, f"{name}.{end}") for end in ("crt", "key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384",
                    "-sha384", "-nodes", "-subj", f"/CN={name}", "-days", "30",
                    "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                    "-out", paths[0], "-keyout", paths[1]], check=True, capture_output=True)
    return paths


class Muster:
    """Links between members are TLS, whatever clients speak."""
    name = "muster"

    def __init__(self):
        self.cluster = loopback.Cluster(3)
        self.cluster.wait_voters(3)
        self.certificate = make_certificate(self.cluster.folder, "bench")
        with open(self.certificate[0]) as f:
            der = base64.b64encode(ssl.PEM_cert_to_DER_cert(f.read())).decode()
        self.cluster[0].unix().done("POST", "/1.0/certificates",
                                    {"name": "bench", "type": "client", "certificate": der})

    def pids(self):
        return [m.process.pid for m in self.cluster.members if m.is_running()]

    def targets(self):
        """How muster-load reaches the leader, by the way it speaks."""
        leader = self.cluster.leader()
        return {"tls": f"tls:127.0.0.1:{leader.port}", "plain": f"unix:{leader.socket}"}

    def members(self):
        return self.cluster.members

    def leader(self):
        return self.cluster.leader()

    def term(self):
        return self.leader().status()["term"]

    def target(self, m):
        return f"tls:127.0.0.1:{m.port}"

    def start(self, m):
        m.start()

    def reads(self, m, name):
        """Whether this member answers a linearizable read of what the load created as `name`."""
        try:
            return m.unix(2).get(f"/1.0/profiles/n{name:012}?consistency=strict").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def answers_reads(self, m):
        try:
            return m.unix(2).get("/1.0/profiles/default?consistency=strict").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def rejoin(self, m):
        """Starts a member that has lost its disk as a new one."""
        shutil.rmtree(m.dir)
        other = next(o for o in self.members() if o.is_running())
        token = wait_for(lambda: other.muster("token", m.name, "--replace").stdout.strip())
        m.start("--join", token)

    def stop(self):
        self.cluster.__exit__(None, None, None)


class Limit:
    """The log without anything around it."""
    name = "limit"
    certificate = None

    def __init__(self, value_bytes=256):
        self.folder = tempfile.mkdtemp(prefix="limit.")
        self.process = subprocess.Popen([os.path.join(loopback.BIN, "muster-limit"), self.folder, str(value_bytes)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        port, *self.processes = self.process.stdout.readline().split()
        self.port = int(port)

    def pids(self):
        return [int(p) for p in self.processes]

    def targets(self):
        return {"plain": f"tcp:127.0.0.1:{self.port}"}

    def stop(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class EtcdMember:
    def __init__(self, folder, name):
        self.name = name
        self.dir = os.path.join(folder, name)
        self.log = os.path.join(folder, name + ".log")
        self.port, self.peer_port = loopback.free_port(), loopback.free_port()
        self.process = None

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self, sig=signal.SIGKILL):
        self.process.send_signal(sig)
        self.process.wait(20)


class Etcd:
    """`is_tls`: for clients and between members, both with client certificates."""

    def __init__(self, is_tls):
        self.name = "etcd" if is_tls else "etcd plain"
        self.is_tls = is_tls
        self.folder = tempfile.mkdtemp(prefix="etcd.")
        self.certificate = make_certificate(self.folder, "etcd") if is_tls else None
        self.all = [EtcdMember(self.folder, f"e{i + 1}") for i in range(3)]
        for m in self.all:
            self.start(m, "new")
        self.leader()

    def scheme(self):
        return "https" if self.is_tls else "http"

    def start(self, m, state="existing"):
        peers = ",".join(f"{x.name}={self.scheme()}://127.0.0.1:{x.peer_port}" for x in self.all)
        client, peer = (f"{self.scheme()}://127.0.0.1:{port}" for port in (m.port, m.peer_port))
        command = ["setpriv", "--pdeathsig", "KILL", "etcd", "--name", m.name, "--data-dir", m.dir, "--listen-client-urls", client,
                   "--advertise-client-urls", client, "--listen-peer-urls", peer,
                   "--initial-advertise-peer-urls", peer, "--initial-cluster", peers,
                   "--initial-cluster-state", state, "--quota-backend-bytes", str(8 << 30),
                   "--logger", "zap", "--log-outputs", m.log, "--log-level", "warn"]
        if self.is_tls:
            certificate, key = self.certificate
            for who in ("", "peer-"):
                command += [f"--{who}cert-file", certificate, f"--{who}key-file", key,
                            f"--{who}trusted-ca-file", certificate, f"--{who}client-cert-auth"]
        with open(m.log, "ab") as log:
            m.process = subprocess.Popen(command, stdout=log, stderr=log)

    def connect(self, m, timeout=5):
        if not self.is_tls:
            return http.client.HTTPConnection("127.0.0.1", m.port, timeout=timeout)
        return http.client.HTTPSConnection("127.0.0.1", m.port, timeout=timeout,
                                           context=loopback.tls_context(*self.certificate))

    def ask(self, m, path, body=None, timeout=5):
        """One call of the JSON gateway."""
        connection = self.connect(m, timeout)
        try:
            connection.request("POST", path, json.dumps(body or {}))
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise OSError(f"{answer.status} {text[:200]!r}")
            return json.loads(text)
        finally:
            connection.close()

    def leader(self):
        """The member that leads, once one of those running does."""
        def find():
            for m in self.all:
                if not m.is_running():
                    continue
                try:
                    said = self.ask(m, "/v3/maintenance/status")
                except (OSError, http.client.HTTPException):
                    continue
                if said.get("leader", "0") == said["header"]["member_id"]:
                    return m
            return None
        return wait_for(find, 30)

    def pids(self):
        return [m.process.pid for m in self.all if m.is_running()]

    def members(self):
        return self.all

    def term(self):
        return int(self.ask(self.leader(), "/v3/maintenance/status")["raftTerm"])

    def target(self, m):
        return f"{'tls' if self.is_tls else 'tcp'}:127.0.0.1:{m.port}"

    def targets(self):
        return {"tls" if self.is_tls else "plain": self.target(self.leader())}

    def reads(self, m, name):
        """Whether this member answers a linearizable read of what the load created as `name`."""
        key = base64.b64encode(f"/create/{name:012}".encode()).decode()
        try:
            return self.ask(m, "/v3/kv/range", {"key": key}, 2).get("count") == "1"
        except (OSError, http.client.HTTPException):
            return False

    def answers_reads(self, m):
        return self.answers(m, "/v3/kv/range", {"key": "Lw=="})

    def rejoin(self, m):
        """Starts a member that has lost its disk as a new one."""
        shutil.rmtree(m.dir)
        other = self.leader()
        own = next(x["ID"] for x in self.ask(other, "/v3/cluster/member/list")["members"] if x.get("name") == m.name)
        wait_for(lambda: self.answers(other, "/v3/cluster/member/remove", {"ID": own}), 30)
        peer = f"{self.scheme()}://127.0.0.1:{m.peer_port}"
        wait_for(lambda: self.answers(other, "/v3/cluster/member/add", {"peerURLs": [peer]}), 30)
        self.start(m)

    def answers(self, m, path, body):
        try:
            return bool(self.ask(m, path, body, 2))
        except (OSError, http.client.HTTPException):
            return False

    def stop(self):
        for m in self.all:
            if m.is_running():
                m.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
