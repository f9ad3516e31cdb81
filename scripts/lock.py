#!/usr/bin/env python3
"""Write the locks in requirements/ from the pyproject files, or check that they have not drifted.

scripts/lock.py             adds and removes what the pyproject files ask for, keeps the other pins
scripts/lock.py --upgrade   moves every pin to the newest allowed version
scripts/lock.py --check     exits 1 if dependencies changed since the locks were written; needs no network
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
DIGEST = LOCKS / "dependencies.sha256"
COMPILE = (
    "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header",
)  # fmt: skip

EXTRAS = (("quality", "gx"),)
"""Of a stage, what its image and that of engine spark have on demand."""


def declared() -> dict[str, dict[str, object]]:
    """What each pyproject file asks for, by package name; the root's groups under ''."""
    files = [ROOT / "pyproject.toml", *sorted(ROOT.glob("libs/*/pyproject.toml"))]
    files += sorted([*ROOT.glob("services/*/pyproject.toml"), *ROOT.glob("operators/*/pyproject.toml")])
    found: dict[str, dict[str, object]] = {}
    for file in files:
        content = tomllib.loads(file.read_text())
        project = content.get("project", {})
        keys = ("dependencies", "optional-dependencies", "requires-python")
        asked = {key: project[key] for key in keys if key in project}
        found[project.get("name", "")] = asked or content["dependency-groups"]
    return found


def digest() -> str:
    """A digest of everything the locks depend on."""
    return hashlib.sha256(json.dumps(declared(), sort_keys=True).encode()).hexdigest() + "\n"


def write(options: list[str]) -> None:
    """Resolve the locks.

    All but uv's are parts of `dev`: `run`, so that both can share one environment; those of images, so that what is tested is what they hold.
    """
    ours = [option for name in declared() if name for option in ("--no-emit-package", name)]
    dev = LOCKS / "dev.txt"

    def resolve(target: Path, *inputs: str) -> None:
        # Relative: uv writes the paths it is given into its annotations.
        output = ("--output-file", str(target.relative_to(ROOT)))
        subprocess.run((ROOT / "scripts/uv", *COMPILE, *ours, *inputs, *output), cwd=ROOT, check=True)

    resolve(LOCKS / "uv.txt", "--group", "uv", *options)
    resolve(dev, "--group", "build", "--group", "dev", *options)
    parts = {
        LOCKS / "run.txt": ("--group", "build", "--extra", "avro", "libs/cli/pyproject.toml"),
        LOCKS / "build.txt": ("--group", "build"),
    }
    for project in sorted(ROOT.glob("services/*/pyproject.toml")):
        lock = LOCKS / "services" / f"{project.parent.name}.txt"
        parts[lock] = ("--extra", "service", str(project.relative_to(ROOT)))
    for project in sorted(ROOT.glob("operators/*/pyproject.toml")):
        parts[LOCKS / "operators" / f"{project.parent.name}.txt"] = (str(project.relative_to(ROOT)),)
    for stage, extra in EXTRAS:
        lock = LOCKS / "services" / f"{stage}-{extra}.txt"
        parts[lock] = ("--extra", "service", "--extra", extra, f"services/{stage}/pyproject.toml")
    stages = [str(project.relative_to(ROOT)) for project in sorted(ROOT.glob("services/*/pyproject.toml"))]
    spark = ("--extra", "service", "--extra", "spark", *stages)
    parts[LOCKS / "images/spark.txt"] = spark
    parts |= {LOCKS / f"images/spark-{extra}.txt": ("--extra", extra, *spark) for _, extra in EXTRAS}
    for lock, inputs in parts.items():
        shutil.copy(dev, lock)  # uv keeps the pins that it finds in the file it is to write
        resolve(lock, *inputs)
    DIGEST.write_text(digest())


def main(arguments: list[str]) -> int:
    """Write or check, as asked."""
    if arguments != ["--check"]:
        write(arguments)
        return 0
    if DIGEST.read_text() == digest():
        return 0
    sys.stderr.write("requirements/ is older than the pyproject files: run `make lock`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
