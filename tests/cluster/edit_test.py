"""`musterd cluster edit` and `remove-raft-node`: servers that all have moved, a role that is taken away."""
import os
import subprocess
import unittest

from loopback import BIN, Cluster, free_port, wait_for


def tool(m, *words, text=None):
    return subprocess.run([os.path.join(BIN, "musterd"), "cluster", "--data-dir", m.dir, *words],
                          input=text, capture_output=True, text=True, timeout=40)


def kinds(m):
    return {x["name"]: x["kind"] for x in m.status()["members"]}


class Edit(unittest.TestCase):
    def test_all_members_have_new_addresses(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            c[1].unix().done("POST", "/1.0/profiles", {"name": "before"})
            self.assertIn("please stop it first", tool(c[0], "edit", text="").stderr)
            for m in c.members:
                m.kill()
            shown = tool(c[0], "show").stdout
            self.refuses(c, shown)
            for m in c.members:
                old, m.port = m.address, free_port()
                shown = shown.replace(old, m.address)
            for m in c.members[:2]:  # one that has not been told learns it from the others
                done = tool(m, "edit", text=shown)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout.count(" -> "), 3)
                self.assertIn(m.address, tool(m, "show").stdout)
            for m in c.members:
                m.start().wait_ready()
            wanted = {m.name: (m.address, True) for m in c.members}
            for m in c.members:
                wait_for(lambda m=m: {x["name"]: (x["address"], x["reachable"]) for x in m.status()["members"]} == wanted)
                m.unix().done("POST", "/1.0/profiles", {"name": f"from-{m.name}"})
            self.assertEqual(c[2].unix().get("/1.0/profiles/before").status, 200)

    def refuses(self, c, shown):
        other = shown.replace(c[1].address, "127.0.0.1:1")
        for text, said in ((shown.replace("name: n2", "name: n9"), "Changing cluster member name is not supported"),
                           (shown.replace("id: 1\n", "id: 7\n"), "Changing cluster member ID is not supported"),
                           (shown[:shown.rindex("- id")], "Removing cluster members is not supported"),
                           (other + "- {id: 4, name: n4, address: 'h:1', role: spare}\n",
                            "Adding cluster members is not supported"),
                           (shown.replace("role: voter", "role: spare", 1), "the cluster chooses who votes"),
                           (shown.replace(c[1].address, c[0].address), "two members cannot have the address"),
                           (shown.replace(c[1].address, "0.0.0.0:8443"), "no address that members can dial"),
                           ("members: [{id: x}]", "that is no list of members"), ("]", "that is no list of members")):
            refused = tool(c[0], "edit", text=text)
            self.assertEqual(refused.returncode, 1, text)
            self.assertIn(said, refused.stderr)
        self.assertEqual(tool(c[0], "show").stdout, shown)


class RemoveRaftNode(unittest.TestCase):
    def test_the_role_goes_to_another(self):
        with Cluster(4) as c:
            wait_for(lambda: sorted(kinds(c[0]).values()) == ["stand-by"] + ["voter"] * 3)
            leader = c.leader()
            asked = [m for m in c.members if m is not leader][0]
            done = tool(asked, "remove-raft-node", leader.address, "-q")
            self.assertEqual(done.returncode, 0, done.stderr)
            wait_for(lambda: kinds(asked)[leader.name] != "voter" and list(kinds(asked).values()).count("voter") == 3)
            self.assertIsNot(c.leader(), leader)
            leader.unix().done("POST", "/1.0/profiles", {"name": "goes-on"})
            none = tool(asked, "remove-raft-node", "127.0.0.1:1", "-q")
            self.assertIn('No raft node with address "127.0.0.1:1"', none.stderr)
            unsure = tool(asked, "remove-raft-node", asked.address, text="no\n")
            self.assertIn("nothing was changed", unsure.stderr)

    def test_a_dead_voter_that_nobody_can_replace_stays(self):
        with Cluster(3) as c:
            c.wait_voters(3)
            dead = [m for m in c.members if m is not c.leader()][0]
            dead.kill()
            asked = c.leader([m for m in c.members if m is not dead])
            wait_for(lambda: not all(m["reachable"] for m in asked.status()["members"]))
            refused = tool(asked, "remove-raft-node", dead.address, "-q")
            self.assertIn(f"incus cluster remove --force {dead.name}", refused.stderr)


if __name__ == "__main__":
    unittest.main()
