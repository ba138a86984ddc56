"""Real containers: placement, exec, re-adoption after kill -9, never two at once."""
import json
import os
import tempfile
import threading
import unittest

from clients import run_in
from loopback import Cluster, WebSocket, upload_image, wait_for


def state(client, name):
    return client.get(f"/1.0/instances/{name}/state").metadata


def is_alive(pid):
    return os.path.exists(f"/proc/{pid}/root")


class Containers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3)
        cls.cluster.wait_voters(3)
        upload_image(cls.cluster[0].unix(60), cls.cluster.folder)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def launch(self, name, target=None, **more):
        client = self.cluster[0].unix(60)
        client.done("POST", "/1.0/instances" + (f"?target={target}" if target else ""),
                    {"name": name, "start": True, "source": {"type": "image", "alias": "tiny"}, **more})
        self.addCleanup(self.delete, name)
        return client

    def delete(self, name):
        client = self.cluster[0].unix(60)
        answer = client.get(f"/1.0/instances/{name}")
        if answer.status != 200:
            return
        if answer.metadata["status"] != "Stopped":
            client.done("PUT", f"/1.0/instances/{name}/state", {"action": "stop", "force": True})
        client.done("DELETE", f"/1.0/instances/{name}")

    def test_an_instance_goes_where_fewest_are_and_runs_there(self):
        places = []
        for name in ("a1", "a2", "a3"):
            client = self.launch(name)
            places.append(client.get(f"/1.0/instances/{name}").metadata["location"])
        self.assertEqual(sorted(places), ["n1", "n2", "n3"])
        for name in ("a1", "a2", "a3"):
            self.assertEqual(run_in(client, name, "hostname"), (0, name + "\n"))
            self.assertTrue(is_alive(state(client, name)["pid"]))
        self.assertEqual(run_in(client, "a1", "sh", "-c", "exit 7")[0], 7)

    def test_stop_start_restart_freeze(self):
        client = self.launch("b1", "n2")
        pid = state(client, "b1")["pid"]
        path = "/1.0/instances/b1/state"
        client.done("PUT", path, {"action": "freeze"})
        self.assertEqual(state(client, "b1")["status"], "Frozen")
        client.done("PUT", path, {"action": "unfreeze"})
        self.assertEqual(state(client, "b1")["status"], "Running")
        client.done("PUT", path, {"action": "restart", "force": True})
        self.assertFalse(is_alive(pid))
        pid = state(client, "b1")["pid"]
        again = client.ask("PUT", path, {"action": "start"})
        failed = client.get(again.json["operation"] + "/wait")
        self.assertEqual((failed.status, failed.json["error"]), (500, "The instance is already running"))
        self.assertEqual(client.ask("DELETE", "/1.0/instances/b1").status, 400)
        client.done("PUT", path, {"action": "stop", "timeout": 20})
        self.assertFalse(is_alive(pid))
        self.assertEqual(state(client, "b1")["status"], "Stopped")

    def test_files_survive_a_stop(self):
        client = self.launch("f1", "n3")
        run_in(client, "f1", "sh", "-c", "echo kept > /root/file")
        client.done("PUT", "/1.0/instances/f1/state", {"action": "restart", "force": True})
        self.assertEqual(run_in(client, "f1", "cat", "/root/file"), (0, "kept\n"))

    def test_exec_over_websockets_through_another_member(self):
        self.launch("w1", "n2")
        client = self.cluster[2].unix()
        answer = client.ask("POST", "/1.0/instances/w1/exec",
                            {"command": ["sh", "-c", "cat; echo err >&2; exit 5"],
                             "wait-for-websocket": True, "interactive": False})
        self.assertEqual(answer.status, 202)
        operation = answer.metadata
        sockets = {}
        for fd, secret in operation["metadata"]["fds"].items():
            sockets[fd] = WebSocket.unix(self.cluster[2].socket,
                                         f"/1.0/operations/{operation['id']}/websocket?secret={secret}")
        data = os.urandom(300_000)
        for at in range(0, len(data), 50_000):
            sockets["0"].send(data[at:at + 50_000], op=2)
        sockets["0"].send("")
        got = b""
        while True:
            op, part = sockets["1"].read()
            if op != 2:
                break
            got += part
        self.assertEqual(got, data)
        self.assertEqual(sockets["2"].read()[1], b"err\n")
        ended = client.get(f"/1.0/operations/{operation['id']}/wait").metadata
        self.assertEqual(ended["metadata"]["return"], 5)
        for s in sockets.values():
            s.close()

    def test_a_container_outlives_its_daemon(self):
        client = self.launch("k1", "n3")
        pid = state(client, "k1")["pid"]
        node = self.cluster[2]
        node.kill()
        self.assertTrue(is_alive(pid))
        self.cluster.restart(node)
        wait_for(lambda: client.get("/1.0/instances/k1/state").status == 200)
        self.assertEqual(state(client, "k1")["pid"], pid)
        self.assertEqual(run_in(client, "k1", "echo", "hi"), (0, "hi\n"))

    def test_an_instance_that_was_given_away_is_stopped_where_it_was(self):
        client = self.launch("g1", "n3")
        pid = state(client, "g1")["pid"]
        node = self.cluster[2]
        node.kill()
        self.cluster.leader([m for m in self.cluster.members if m is not node])
        self.assertEqual(client.ask("POST", "/internal/instances/g1/owner?target=n1").status, 200)
        self.assertTrue(is_alive(pid))
        self.cluster.restart(node)
        wait_for(lambda: not is_alive(pid))
        self.assertEqual(client.get("/1.0/instances/g1").metadata["location"], "n1")

    def test_an_instance_that_ends_by_itself_is_shown_stopped(self):
        client = self.launch("e1", "n1")
        os.kill(state(client, "e1")["pid"], 9)
        wait_for(lambda: client.get("/1.0/instances/e1").metadata["status"] == "Stopped")

    def test_an_ephemeral_instance_goes_when_it_stops(self):
        for how in ("stop", "end"):
            client = self.launch("v1", "n2", ephemeral=True)
            pid = state(client, "v1")["pid"]
            if how == "stop":
                client.done("PUT", "/1.0/instances/v1/state", {"action": "stop", "force": True})
            else:
                os.kill(pid, 9)
            wait_for(lambda: client.get("/1.0/instances/v1").status == 404)
            containers = os.path.join(self.cluster[1].dir, "containers")
            wait_for(lambda: not is_alive(pid))
            wait_for(lambda: os.listdir(containers) == [])

    def test_a_creation_cut_short_leaves_no_ghost(self):
        node = self.cluster[2]
        self.launch("x0", "n3")  # the image is there
        client = self.cluster[0].unix(60)
        node.kill()
        node.start(env={"MUSTER_TEST_FAULT": "create.after_record"}).wait_ready()
        wait_for(lambda: client.get("/1.0/cluster/members/n3").status == 200)
        with self.assertRaises(Exception):
            client.done("POST", "/1.0/instances?target=n3",
                        {"name": "x1", "start": False, "source": {"type": "image", "alias": "tiny"}})
        self.addCleanup(self.delete, "x1")
        wait_for(lambda: not node.is_running())
        self.cluster.restart(node)
        client = self.cluster[0].unix(60)
        wait_for(lambda: client.get("/1.0/instances/x1").status == 200)
        wait_for(lambda: client.ask("PUT", "/1.0/instances/x1/state", {"action": "start"}).status == 202)
        wait_for(lambda: client.get("/1.0/instances/x1").metadata["status"] == "Running")

    def test_refusals(self):
        client = self.cluster[1].unix()
        tiny = {"type": "image", "alias": "tiny"}
        for body, status in [({"name": "a_b", "source": tiny}, 400), ({"name": "1a", "source": tiny}, 400),
                             ({"name": "ok", "source": {"type": "image", "alias": "nope"}}, 500),
                             ({"name": "ok", "source": tiny, "profiles": ["zz"]}, 500),
                             ({"name": "ok", "source": tiny, "config": {"bogus": "1"}}, 400),
                             ({"name": "ok", "source": tiny, "type": "virtual-machine"}, 400)]:
            answer = client.ask("POST", "/1.0/instances", body)
            self.assertEqual(answer.status, status, (body, answer))
        self.assertEqual(client.ask("POST", "/1.0/instances?target=zz", {"name": "ok", "source": tiny}).status, 404)
        self.assertEqual(client.get("/1.0/instances/nope/state").status, 404)
        self.assertEqual(json.loads(client.get("/1.0/images/ffffffff").body)["error"], 'Image "ffffffff" not found')


class AtOnce(unittest.TestCase):
    def test_a_limit_holds_and_what_it_allows_is_made(self):
        """Twenty through all members, on pools that have held nothing yet."""
        with Cluster(3) as c:
            upload_image(c[0].unix(60), c.folder)
            c[0].unix().done("POST", "/1.0/projects", {"name": "p", "config": {
                "features.images": "false", "features.profiles": "false", "limits.instances": "4"}})
            ended = []

            def create(n):
                client = c[n % 3].unix(60)
                answer = client.ask("POST", "/1.0/instances?project=p", {"name": f"i{n}", "source": {"type": "image", "alias": "tiny"}})
                if answer.status == 202:
                    answer = client.get(answer.json["operation"].split("?")[0] + "/wait?timeout=60&project=p")
                ended.append(answer.json["error"])

            asking = [threading.Thread(target=create, args=(n,)) for n in range(20)]
            for t in asking:
                t.start()
            for t in asking:
                t.join(120)
            self.assertEqual(sorted(ended), [""] * 4 + ['Reached maximum number of instances in project "p"'] * 16)
            self.assertEqual(len(c[1].unix().get("/1.0/instances?project=p").metadata), 4)


if __name__ == "__main__":
    unittest.main()
