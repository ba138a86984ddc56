"""The house keeps its order: arrows, sizes, who may include what."""
import os
import re
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RANK = {"schemas": 0, "storage": 1, "actors": 2, "http": 3, "tools": 4}
LINES_MAX, FUNCTION_LINES_MAX, FOLDER_FILES_MAX = 600, 70, 15


def sources():
    for top in RANK:
        for at, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                if name.endswith((".cpp", ".hpp")):
                    path = os.path.join(at, name)
                    with open(path) as f:
                        yield os.path.relpath(path, ROOT), f.read()


def cores():
    """Sources of targets that are cores, and their headers."""
    found = set()
    for at, _, names in os.walk(ROOT):
        if "CMakeLists.txt" in names and not at.startswith(os.path.join(ROOT, "build")):
            with open(os.path.join(at, "CMakeLists.txt")) as f:
                for target in re.findall(r"muster_core\(([^)]*)\)", f.read()):
                    for source in re.findall(r"\S+\.cpp", target):
                        base = os.path.relpath(os.path.join(at, source), ROOT)[:-4]
                        found |= {base + ".cpp", base + ".hpp"}
    return found


def wrong_include(path, text, core=False):
    """An include that points back up the house, or a library used outside its room; None if all is well."""
    rank = RANK[path.split("/")[0]]
    for included in re.findall(r'#include [<"]([^">]+)[">]', text):
        top = included.split("/")[0]
        if top in RANK and RANK[top] > rank:
            return f"{path} includes {included}"
        if top == "rocksdb" and not path.startswith("storage/"):
            return f"{path} includes {included}: only storage/ knows RocksDB"
        if included == "httplib.h" and not path.startswith(("http/", "actors/link/")):
            return f"{path} includes httplib"
        if core and (top in ({"caf", "capnp", "openssl", "storage", "http"} - {path.split("/")[0]}) or included in ("thread", "random", "fstream")):
            return f"{path} is a core and includes {included}"
    if "istreambuf_iterator" in text:
        return f"{path} reads with istreambuf_iterator, which throws when the process it reads of ends: storage::read_file"
    if core and re.search(r"clock::now\(", text):
        return f"{path} is a core and looks at a clock"
    return None


def long_functions(text):
    """Functions whose body is longer than allowed: (first line, lines)."""
    found, start, head = [], None, ""
    for number, line in enumerate(text.split("\n"), 1):
        if start is not None:
            if line.startswith("}"):
                if number - start > FUNCTION_LINES_MAX:
                    found.append((start, number - start))
                start = None
            continue
        head = line if re.match(r"[^\s#/}](?!\w+:$)", line) else head + line if head else ""  # signatures wrap
        if head.endswith("{") and not re.match(r"(namespace|class|struct|enum|union|extern)\b", head) and "(" in head:
            start = number
        if head.endswith((";", "{")):
            head = ""
    return found


def badly_formatted(paths):
    run = subprocess.run(["clang-format", "--dry-run", "-Werror", "--ferror-limit=1", *paths],
                         capture_output=True, text=True, cwd=ROOT, check=False)
    return re.findall(r"^(\S+?):\d+:\d+: error", run.stderr, re.M) or ([run.stderr] if run.returncode else [])


class House(unittest.TestCase):
    def test_arrows_point_one_way(self):
        pure = cores()
        wrong = [w for w in (wrong_include(p, t, p in pure) for p, t in sources()) if w]
        self.assertEqual(wrong, [])

    def test_files_and_functions_are_short(self):
        sizes = {p: t.count("\n") for p, t in sources()}
        self.assertEqual([p for p, n in sizes.items() if n > LINES_MAX], [])
        self.assertLessEqual(sorted(sizes.values())[len(sizes) // 2], 200)
        self.assertEqual([(p, f) for p, t in sources() for f in long_functions(t)], [])

    def test_folders_are_small(self):
        for top in RANK:
            for at, _, names in os.walk(os.path.join(ROOT, top)):
                count = len([n for n in names if n.endswith((".cpp", ".hpp", ".py"))])
                self.assertLessEqual(count, FOLDER_FILES_MAX, at)

    def test_files_are_formatted(self):
        self.assertEqual(badly_formatted([path for path, _ in sources()]), [])

    def test_the_checks_see_what_is_wrong(self):
        self.assertTrue(wrong_include("storage/x.cpp", '#include "actors/raft/log.hpp"'))
        self.assertTrue(wrong_include("http/x.cpp", "#include <rocksdb/db.h>"))
        self.assertTrue(wrong_include("actors/roles/roles_core.cpp", "#include <chrono>\nauto now = clock::now();", core=True))
        self.assertTrue(wrong_include("http/x.cpp", "std::istreambuf_iterator<char>(in)"))
        self.assertIsNone(wrong_include("http/x.cpp", '#include "actors/raft/log.hpp"'))
        self.assertTrue(wrong_include("actors/x/quorum.cpp", "#include <thread>", core=True))
        self.assertTrue(long_functions("void f() {\n" + "  x;\n" * 80 + "}\n"))
        self.assertTrue(long_functions("void f(int a,\n       int b) {\n" + "  x;\n" * 80 + "}\n"))
        self.assertFalse(long_functions("void f();\n\nstruct x {\n" + "  int x;\n" * 80 + "};\n"))


if __name__ == "__main__":
    unittest.main()
