#!/usr/bin/env python3
"""Checks what every text file here keeps to: no tab, no blank at a line's end, a newline at the end of the file, and lines
of code within reach of the eye. How C++ is laid out beyond that, .clang-format describes.

Prints FILE:LINE: problem for each violation; exit code 1 if there is any."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLACES = ["include", "src", "tests", "bench", "conf", "scripts", "cmake", ".ci", "CMakeLists.txt", "packages.txt"]
NAMES = {".cpp", ".hpp", ".c", ".def", ".txt", ".cmake", ".yaml", ".sh", ".py", ".html", ".css", ".js"}
LONGEST = {".cpp": 160, ".hpp": 160, ".cmake": 160, ".sh": 160, ".py": 160}   # 120 is the aim, tables may need more


def files():
    for place in PLACES:
        path = ROOT / place
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and (file.suffix in NAMES or file.name == "run") and "corpus" not in file.parts:
                yield file


def problems_of(file):
    text = file.read_text(errors="replace")
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line:
            yield number, "tab"
        if line != line.rstrip():
            yield number, "blank at the end of the line"
        if len(line) > LONGEST.get(file.suffix, 10_000) and 'R"' not in line:
            yield number, f"{len(line)} characters long"
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "no newline at the end of the file"


def main():
    found = [(file.relative_to(ROOT), number, what) for file in files() for number, what in problems_of(file)]
    for file, number, what in found:
        print(f"{file}:{number}: {what}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
