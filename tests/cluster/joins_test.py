"""Many joins at once; joins that are refused leave nothing behind; a member is found at another address."""
import base64
import json
import threading
import time
import unittest

from loopback import Cluster, Member, free_port, wait_for


def names(member):
    answer = member.unix().get("/1.0/cluster/members?recursion=1")
    return sorted(m["server_name"] for m in answer.metadata) if answer.status == 200 else None


def token_for(member, name):
    return member.muster("token", name).stdout.strip()


def join(member, token, name=None, timeout=60):
    """The end of the operation, or the refusal."""
    client = member.unix(90)
    answer = client.ask("PUT", "/1.0/cluster", {"enabled": True, "server_name": name or member.name,
                                                "server_address": member.address, "cluster_token": token})
    if answer.status != 202:
        return answer
    return client.get(answer.json["operation"] + f"/wait?timeout={timeout}")


def changed(token, **fields):
    return base64.b64encode(json.dumps({**json.loads(base64.b64decode(token)), **fields}).encode()).decode()


class Joins(unittest.TestCase):
    def test_twenty_at_once(self):
        with Cluster(1) as c:
            fresh = [Member(c.folder, f"m{i:02}").start() for i in range(20)]
            c.members.extend(fresh)
            for m in fresh:
                m.wait_ready(60)
            tokens = [token_for(c[0], m.name) for m in fresh]
            ended = [None] * len(fresh)

            def run(i):
                ended[i] = join(fresh[i], tokens[i])
            began = time.monotonic()
            threads = [threading.Thread(target=run, args=(i,)) for i in range(len(fresh))]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual([e for e in ended if e is None or e.status != 200], [])
            self.assertLess(time.monotonic() - began, 30)
            for m in c.members:
                wait_for(lambda m=m: names(m) == sorted(x.name for x in c.members), 30)

    def test_a_refused_join_leaves_nothing_and_the_token_good(self):
        with Cluster(2) as c, Cluster(1) as other:
            joiner = Member(c.folder, "n3").start().wait_ready()
            c.members.append(joiner)
            joiner.unix().done("POST", "/1.0/profiles", {"name": "mine"})
            foreign = json.loads(base64.b64decode(token_for(other[0], "n3")))

            def refused(token, text, name=None):
                answer = join(joiner, token, name)
                self.assertGreaterEqual(answer.status, 400, answer)
                self.assertIn(text, answer.json["error"])
                self.assertEqual(names(c[0]), ["n1", "n2"])
                self.assertFalse(joiner.unix().get("/1.0/cluster").metadata["enabled"])
                self.assertEqual(joiner.unix().get("/1.0/profiles/mine").status, 200)

            token = token_for(c[0], "n3")
            refused(token, "made for a member named", name="n4")
            refused(changed(token, secret="0" * 64), "No matching cluster join operation found")
            refused(changed(token, fingerprint=foreign["fingerprint"]), "fingerprint mismatch")
            refused(changed(token, addresses=[f"127.0.0.1:{free_port()}"]), "")
            refused("e30=", "Invalid join token")
            c[0].unix().done("POST", "/1.0/cluster/members/n2", {"server_name": "n3"})
            answer = join(joiner, token)
            self.assertIn("already has a member with name: n3", answer.json["error"])
            c[0].unix().done("POST", "/1.0/cluster/members/n3", {"server_name": "n2"})
            self.assertEqual(join(joiner, token).status, 200)
            wait_for(lambda: names(joiner) == ["n1", "n2", "n3"])
            again = Member(c.folder, "n3b").start().wait_ready()
            c.members.append(again)
            self.assertIn("No matching cluster join operation found",
                          join(again, token, name="n3").json["error"])

    def test_an_expired_token_and_a_taken_address(self):
        with Cluster(2) as c:
            c[0].unix().done("PATCH", "/1.0", {"config": {"cluster.join_token_expiry": "1S"}})
            late = token_for(c[0], "n3")
            made = time.monotonic()
            c[0].unix().done("PATCH", "/1.0", {"config": {"cluster.join_token_expiry": ""}})
            c[1].kill()
            joiner = Member(c.folder, "n3")
            joiner.port = c[1].port
            joiner.start().wait_ready()
            c.members.append(joiner)
            good = token_for(c[0], "n3b")
            taken = join(joiner, good, name="n3b")
            self.assertIn("already has a member with address", taken.json["error"])
            self.assertFalse(joiner.unix().get("/1.0/cluster").metadata["enabled"])
            joiner.kill()
            joiner.port = free_port()
            joiner.start().wait_ready()
            wait_for(lambda: time.monotonic() > made + 1.2)
            expired = join(joiner, late)
            self.assertGreaterEqual(expired.status, 400)
            self.assertEqual(join(joiner, good, name="n3b").status, 200)

    def test_a_member_with_another_address_is_found_again(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            moved = [m for m in c.members if m is not c.leader()][0]
            for m in (moved, c.leader()):
                m.kill()
                m.port = free_port()
                m.start().wait_ready()
                rest = [r for r in c.members if r is not m]
                for r in rest:
                    wait_for(lambda r=r: {x["name"]: (x["address"], x["reachable"]) for x in r.status()["members"]}
                             [m.name] == (m.address, True), 30)
                m.unix().done("POST", "/1.0/profiles", {"name": f"from-{m.name}"})
            urls = {m["server_name"]: m["url"] for m in c[0].unix().get("/1.0/cluster/members?recursion=1").metadata}
            self.assertEqual(urls, {m.name: f"https://{m.address}" for m in c.members})


if __name__ == "__main__":
    unittest.main()
