"""Clients of every kind, for tests of who may what and of the front door."""
import base64
import os
import socket
import ssl
import subprocess
import time
import urllib.parse

from loopback import WebSocket, tls_context


def cpu_seconds(member):
    with open(f"/proc/{member.process.pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def threads_of(member):
    return len(os.listdir(f"/proc/{member.process.pid}/task"))


def run_in(client, name, *command):
    """Runs a command in an instance; gives its exit code and what it wrote."""
    o = client.done("POST", f"/1.0/instances/{name}/exec", {"command": list(command), "record-output": True})
    return o["metadata"]["return"], client.get(o["metadata"]["output"]["1"]).body.decode()


def make_certificate(folder, name, days=2):
    """A self-signed client certificate: [certificate file, key file]."""
    paths = [os.path.join(folder, f"{name}.{end}") for end in ("crt", "key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-subj", f"/CN={name}", "-days", str(days), "-out", paths[0], "-keyout", paths[1]],
                   check=True, capture_output=True)
    return paths


def make_certificate_between(folder, name, from_s, until_s):
    """As make_certificate, valid between two times that are seconds from now."""
    made = os.path.join(folder, "ca." + name)
    os.makedirs(made)
    for file, text in (("db", ""), ("serial", "01\n"),
                       ("cnf", f"[ca]\ndefault_ca=c\n[c]\ndatabase={made}/db\nserial={made}/serial\n"
                               f"new_certs_dir={made}\ndefault_md=sha384\npolicy=p\n[p]\ncommonName=supplied\n")):
        with open(os.path.join(made, file), "w") as f:
            f.write(text)
    paths = [os.path.join(folder, f"{name}.{end}") for end in ("crt", "key")]
    stamp = [time.strftime("%y%m%d%H%M%SZ", time.gmtime(time.time() + s)) for s in (from_s, until_s)]
    for command in (["ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", paths[1]],
                    ["req", "-new", "-key", paths[1], "-out", f"{made}/csr", "-subj", f"/CN={name}"],
                    ["ca", "-batch", "-config", f"{made}/cnf", "-selfsign", "-keyfile", paths[1], "-in",
                     f"{made}/csr", "-out", paths[0], "-notext", "-startdate", stamp[0], "-enddate", stamp[1]]):
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    return paths


def der_of(pair):
    with open(pair[0]) as f:
        return base64.b64encode(ssl.PEM_cert_to_DER_cert(f.read())).decode()


def trust(member, name, pair, **more):
    """Adds the certificate; gives the answer."""
    return member.unix().ask("POST", "/1.0/certificates",
                             {"name": name, "type": "client", "certificate": der_of(pair), **more})


def raw_tls(member, certificate=None, key=None, sni=None):
    s = socket.create_connection(("127.0.0.1", member.port), timeout=10)
    return tls_context(certificate, key).wrap_socket(s, server_hostname=sni)


def raw_unix(member, timeout=10):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    s.connect(member.socket)
    return s


def answer_of(sock):
    """One answer with a Content-Length: (status, headers in lower case, body); status 0 if none came."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(65536)
        if not part:
            return 0, {}, data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
    while len(body) < int(headers.get("content-length", 0)):
        part = sock.recv(65536)
        if not part:
            break
        body += part
    return int(lines[0].split()[1]), headers, body


def is_closed(sock):
    """Whether the peer has said its last: nothing more comes."""
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True


def web_socket(sock, path, headers=""):
    """A WebSocket, or the status of the refusal."""
    try:
        return WebSocket(sock, path, headers)
    except (AssertionError, EOFError) as refused:
        text = str(refused)
        return int(text.split("HTTP/1.1 ")[1][:3]) if "HTTP/1.1 " in text else 0


def encoded(text):
    return urllib.parse.quote(text, safe="")
