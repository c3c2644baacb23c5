#!/usr/bin/env python3
"""Checks that modules include only what they may (docs/architecture.md, "Layers").

The DEPENDS lines of src/*/CMakeLists.txt are the one statement of who may use whom; every #include in src/ and
include/tiercel/ is compared with them. A module may include its own headers and those of the modules it depends on,
directly or through others. Pure modules moreover may not wait, log or read a clock.

Prints one line FILE:LINE: problem for each violation. Exit code 0: none, 1: some, 2: the tree could not be read.
"""
import argparse
import pathlib
import re
import sys
import tempfile

PURE = {"base", "http", "cache", "rules", "resilience", "routing"}
# Includes that have no place in a pure module.
IMPURE_INCLUDES = ("boost/asio", "boost/beast", "spdlog/", "hiredis/", "yaml-cpp/")
# Pure code is handed `now`; only base, which has the one clock, may read it.
CLOCK_READ = re.compile(r"\b(?:steady_clock|system_clock|high_resolution_clock)::now\b")

SOURCE_SUFFIXES = {".cpp", ".hpp", ".def", ".ipp"}
NOT_MODULES = {"boost"}  # third-party code compiled once, no headers of its own
KEYWORDS = {"PUBLIC_HEADERS", "HEADERS", "SOURCES", "DEPENDS", "LIBRARIES", "TESTS"}

CALL = re.compile(r"\b(tiercel_module|target_link_libraries)\s*\(([^)]*)\)")
COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Module:
    def __init__(self, name, cmake):
        self.name = name
        self.cmake = cmake
        self.line = 1            # of the statement of dependencies
        self.depends = []
        self.public_headers = []


def read_module(folder):
    """The module in that folder as its CMakeLists.txt states it."""
    cmake = folder / "CMakeLists.txt"
    module = Module(folder.name, cmake)
    text = re.sub(r"#[^\n]*", "", cmake.read_text())
    for call in CALL.finditer(text):
        words = call.group(2).split()
        line = text.count("\n", 0, call.start()) + 1
        if call.group(1) == "target_link_libraries":
            # How the program itself, which is no library, states what it uses.
            found = [w.removeprefix("tiercel_") for w in words[1:] if w.startswith("tiercel_")]
            found = [name for name in found if (folder.parent / name).is_dir() and name not in NOT_MODULES | {folder.name}]
            module.depends += found
            if found:
                module.line = line
            continue
        key = None
        for word in words[1:]:
            if word in KEYWORDS:
                key = word
            elif key == "DEPENDS":
                module.depends.append(word)
            elif key == "PUBLIC_HEADERS":
                module.public_headers.append(word)
        module.line = line
    return module


def reachable(modules, start):
    """All modules that `start` depends on, directly or not."""
    seen, todo = set(), list(modules[start].depends)
    while todo:
        name = todo.pop()
        if name not in seen and name in modules:
            seen.add(name)
            todo += modules[name].depends
    return seen


def without_comments(text):
    """The text with comments blanked out, so that line numbers stay."""
    def blank(match):
        found = match.group(0)
        return found if found[0] == '"' else re.sub(r"[^\n]", " ", found)

    return COMMENT_OR_STRING.sub(blank, text)


class Checker:
    def __init__(self, root):
        self.root = root
        self.problems = []
        src = root / "src"
        self.modules = {
            folder.name: read_module(folder)
            for folder in sorted(src.iterdir())
            if folder.is_dir() and folder.name not in NOT_MODULES and (folder / "CMakeLists.txt").exists()
        }
        self.owner_of_public = {h: m.name for m in self.modules.values() for h in m.public_headers}

    def report(self, path, line, text):
        self.problems.append(f"{path.relative_to(self.root)}:{line}: {text}")

    def check(self):
        for module in self.modules.values():
            self.check_statement(module)
        for module in self.modules.values():
            allowed = reachable(self.modules, module.name) | {module.name}
            for path in sorted((self.root / "src" / module.name).rglob("*")):
                if path.suffix in SOURCE_SUFFIXES:
                    self.check_file(path, module.name, allowed)
        for path in sorted((self.root / "include" / "tiercel").rglob("*.hpp")):
            header = path.relative_to(self.root / "include" / "tiercel").as_posix()
            owner = self.owner_of_public.get(header)
            if owner is None:
                self.report(path, 1, "in no module's PUBLIC_HEADERS")
            else:
                self.check_file(path, owner, reachable(self.modules, owner) | {owner})
        return self.problems

    def check_statement(self, module):
        for name in module.depends:
            if name not in self.modules:
                self.report(module.cmake, module.line, f"{module.name} depends on {name}, which is no module")
            elif module.name in PURE and name not in PURE:
                self.report(module.cmake, module.line, f"pure module {module.name} depends on {name}, which is not pure")
        if module.name in reachable(self.modules, module.name):
            self.report(module.cmake, module.line, f"{module.name} depends on itself, through {', '.join(module.depends)}")

    def check_file(self, path, module, allowed):
        for number, line in enumerate(without_comments(path.read_text(errors="replace")).splitlines(), 1):
            if module in PURE and module != "base" and CLOCK_READ.search(line):
                self.report(path, number, f"pure module {module} reads a clock")
            found = INCLUDE.match(line)
            if not found:
                continue
            quoted, name = found.group(1) == '"', found.group(2)
            if module in PURE and name.startswith(IMPURE_INCLUDES):
                self.report(path, number, f"pure module {module} includes {name}")
            owner = self.owner_of(name, quoted)
            if owner is None and quoted:
                self.report(path, number, f"\"{name}\" is not of the form \"module/file\"")
            elif owner == "?":
                self.report(path, number, f"{name} is in no module's PUBLIC_HEADERS")
            elif owner is not None and owner not in allowed:
                self.report(path, number, f"{module} includes {name}, but does not depend on {owner}")

    def owner_of(self, name, quoted):
        """The module that a header belongs to; None for foreign ones, "?" for a public one that nobody claims."""
        if name.startswith("tiercel/"):
            return self.owner_of_public.get(name.removeprefix("tiercel/"), "?")
        folder = name.split("/")[0]
        return folder if quoted and "/" in name and folder in self.modules else None


# ---- self-test: small trees with one fault each ---------------------------------------------------------------------

GOOD = {
    "src/base/CMakeLists.txt": "tiercel_module(base PUBLIC_HEADERS error.hpp SOURCES error.cpp)",
    "src/http/CMakeLists.txt": "tiercel_module(http\n  HEADERS date.hpp\n  SOURCES date.cpp\n  DEPENDS base # and only it\n)",
    "src/async/CMakeLists.txt": "tiercel_module(async HEADERS task.hpp DEPENDS base)",
    "src/server/CMakeLists.txt": "tiercel_module(server SOURCES s.cpp DEPENDS async http)",
    "src/app/CMakeLists.txt": "add_executable(tiercel main.cpp)\ntarget_link_libraries(tiercel PRIVATE tiercel_server tiercel_warnings)",
    "include/tiercel/error.hpp": "#include <string>\n",
    "src/base/error.cpp": "#include <tiercel/error.hpp>\nauto t = std::chrono::steady_clock::now();\n",
    "src/http/date.hpp": "#include <tiercel/error.hpp>\n// #include \"async/task.hpp\"\n/*\n#include \"async/task.hpp\"\n*/\n",
    "src/http/date.cpp": "#include \"http/date.hpp\"\nconst char* s = \"// no comment\";\n",
    "src/async/task.hpp": "#include <boost/asio/awaitable.hpp>\n",
    "src/server/s.cpp": "#include \"async/task.hpp\"\n#include \"http/date.hpp\"\n#include <tiercel/error.hpp>\n",
    "src/app/main.cpp": "#include \"server/s.hpp\"\n#include \"http/date.hpp\"\n",
}

# What is wrong, what is changed in the good tree, and what the report must say.
FAULTS = [
    ("an upward include",
     {"src/http/date.cpp": "\n#include \"async/task.hpp\"\n"},
     "src/http/date.cpp:2: http includes async/task.hpp"),
    ("a sideways include",
     {"src/async/task.hpp": "#include \"http/date.hpp\"\n"},
     "src/async/task.hpp:1: async includes http/date.hpp"),
    ("a public header that looks up",
     {"include/tiercel/error.hpp": "#include \"http/date.hpp\"\n"},
     "include/tiercel/error.hpp:1: base includes"),
    ("a public header that nobody claims",
     {"include/tiercel/new.hpp": ""},
     "include/tiercel/new.hpp:1: in no module"),
    ("an unclaimed public include",
     {"src/http/date.hpp": "#include <tiercel/none.hpp>\n"},
     "src/http/date.hpp:1: tiercel/none.hpp is in no"),
    ("a bare file name",
     {"src/http/date.cpp": "#include \"date.hpp\"\n"},
     "src/http/date.cpp:1: \"date.hpp\" is not of the form"),
    ("Asio in a pure module",
     {"src/http/date.cpp": "#include <boost/asio.hpp>\n"},
     "src/http/date.cpp:1: pure module http includes boost/asio.hpp"),
    ("a logger in a pure module",
     {"src/http/date.cpp": "#include <spdlog/spdlog.h>\n"},
     "pure module http includes spdlog"),
    ("a clock in a pure module",
     {"src/http/date.cpp": "auto t = steady_clock::now();\n"},
     "src/http/date.cpp:1: pure module http reads a clock"),
    ("a pure module on an impure one",
     {"src/http/CMakeLists.txt": "tiercel_module(http DEPENDS async)"},
     "pure module http depends on async"),
    ("an unknown module",
     {"src/async/CMakeLists.txt": "\ntiercel_module(async DEPENDS base rumour)"},
     "src/async/CMakeLists.txt:2: async depends on rumour"),
    ("a cycle",
     {"src/async/CMakeLists.txt": "tiercel_module(async DEPENDS server)"},
     "server depends on itself"),
    ("the program without the link",
     {"src/app/CMakeLists.txt": "target_link_libraries(tiercel tiercel_base)"},
     "src/app/main.cpp:1: app includes server/s.hpp"),
]


def check_tree(files):
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        return Checker(root).check()


def self_test():
    failures = 0
    if problems := check_tree(GOOD):
        failures += 1
        print("a good tree is refused:", *problems, sep="\n  ")
    for what, change, expected in FAULTS:
        problems = check_tree(GOOD | change)
        if not any(expected in p for p in problems):
            failures += 1
            print(f"{what}: expected \"{expected}\", got {problems}")
    print(f"check_layers: {len(FAULTS) + 1 - failures} passed, {failures} failed")
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--self-test", action="store_true", help="check the checker")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    try:
        problems = Checker(arguments.root).check()
    except OSError as error:
        print(f"check_layers: {error}", file=sys.stderr)
        return 2
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
