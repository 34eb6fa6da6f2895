"""What the compared programs need in their root: our measuring programs, a C source tree and a tree of small files."""
import os
import random
import shutil
import subprocess
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = 40
VERSION = "1"  # of what prepare() makes: a new one makes it again


def c_source(number, rand):
    """A translation unit of some 150 lines that uses the C library's headers."""
    lines = ["#include <math.h>", "#include <stdio.h>", "#include <stdlib.h>", "#include <string.h>", "#include <sys/stat.h>",
             "#include <unistd.h>", '#include "common.h"', ""]
    for i in range(12):
        a, b, c = (rand.randrange(1, 1000) for _ in range(3))
        lines += [f"static int step_{number}_{i}(struct item *items, int count)", "{", "    int sum = 0;",
                  "    for (int i = 0; i < count; i++) {",
                  f"        if (items[i].key % {a} == {b % a})", f"            sum += items[i].value * {c};",
                  f'        else if (strncmp(items[i].name, "n{a}", {b % 7 + 1}) == 0)',
                  f"            sum ^= items[(i * {b}) % count].key;", "    }", "    return sum;", "}", ""]
    lines += [f"int run_{number}(struct item *items, int count)", "{", "    int sum = 0;"]
    lines += [f"    sum += step_{number}_{i}(items, count);" for i in range(12)]
    return "\n".join(lines + [f'    printf("{number} %d\\n", sum);', "    return sum;", "}", ""])


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def make_source(folder):
    rand = random.Random(1)
    numbers = range(SOURCES)
    write(os.path.join(folder, "common.h"), "#pragma once\nstruct item { int key, value; char name[24]; };\n"
          + "".join(f"int run_{i}(struct item *items, int count);\n" for i in numbers))
    for number in numbers:
        write(os.path.join(folder, f"part{number}.c"), c_source(number, rand))
    write(os.path.join(folder, "main.c"), '#include <stdlib.h>\n#include "common.h"\nint main(void)\n{\n'
          "    struct item *items = calloc(64, sizeof *items);\n    int sum = 0;\n"
          + "".join(f"    sum += run_{i}(items, 64);\n" for i in numbers) + "    return sum == 1;\n}\n")
    write(os.path.join(folder, "Makefile"), "SOURCES := $(wildcard *.c)\nOBJECTS := $(SOURCES:%.c=$(OUT)/%.o)\n"
          "$(OUT)/program: $(OBJECTS)\n\tgcc -o $@ $^ -lm\n$(OUT)/%.o: %.c common.h | $(OUT)\n\tgcc -O1 -g -c -o $@ $<\n"
          "$(OUT):\n\tmkdir -p $@\n")


def make_tree(folder):
    """2,600 text files of up to 8 KiB in 130 directories, as a working tree has them."""
    rand = random.Random(2)
    words = [f"word{rand.randrange(5000)}" for _ in range(900)]
    for i in range(130):
        for j in range(20):
            text = " ".join(rand.choices(words, k=rand.randrange(40, 1100)))
            write(os.path.join(folder, f"part{i // 13}", f"d{i % 13}", f"file{j}.txt"), text.replace(" word1", "\nword1") + "\n")


def prepare(root):
    """Builds our programs into the root and makes its trees."""
    place = os.path.join(root, "opt", "compare")
    programs = os.path.join(root, "usr", "local", "bin")
    sources = [os.path.join(HERE, name) for name in ("work.c", "files.c")]
    subprocess.run(["gcc", "-O2", "-static", "-o", os.path.join(programs, "work"), *sources], check=True)
    subprocess.run(["gcc", "-O2", "-static", "-o", os.path.join(programs, "wall"), os.path.join(HERE, "wall.c")], check=True)
    os.makedirs(os.path.join(root, "data"), exist_ok=True)
    stamp = os.path.join(place, "version")
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as file:
            if file.read() == VERSION:
                return
    shutil.rmtree(place, ignore_errors=True)
    make_source(os.path.join(place, "source"))
    make_tree(os.path.join(place, "tree"))
    with tarfile.open(os.path.join(place, "tree.tar"), "w") as archive:
        archive.add(os.path.join(place, "tree"), "tree")
    write(stamp, VERSION)
