#!/usr/bin/env python3
"""Build images without Docker, from the same Dockerfiles, each into an archive that container runtimes load.

scripts/image/archive.py [--extra EXTRA] NAME... FOLDER

A NAME is a stage, `operator`, `spark` or `dev`. FOLDER/NAME.tar becomes the image podium/NAME. EXTRA is `gx`, for `quality` and `spark`. What is printed for each is its name with its tag:
the version, and a digest of all that the image holds.

buildah runs the Dockerfiles, on a Debian 12 that mmdebstrap makes; both come from Debian if they are missing, and need root. What they made is
kept in .tools/images. How this machine reaches its indices of packages is used for that, and is not part of an image.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
STORE = TOOLS / "images"
STAGES = {"ingest", "cleanse", "quality", "model", "publish"}
DOCKERFILES = {
    **{stage: f"services/{stage}/Dockerfile" for stage in sorted(STAGES)},
    "operator": "operators/pipelinerun/Dockerfile",
    "spark": "scripts/image/spark/Dockerfile",
    "dev": "scripts/image/dev/Dockerfile",
}
JARS = {
    "spark": [("libs/lakehouse/jars", "jars")],
    "dev": [("scripts/kafka", "kafka"), ("scripts/s3proxy", "s3")],
}
"""What Maven fetches for an image, and where it is kept."""

# As python:…-slim-bookworm: no documentation but the licences, and what Python's own image has beside Python.
PACKAGES = ("ca-certificates", "netbase", "python3", "tzdata")
LEFT_OUT = (
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
)
LICENCES = "path-include=/usr/share/doc/*/copyright"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
NETWORK = re.compile(
    "UV_(DEFAULT_INDEX|INDEX.*|EXTRA_INDEX_URL|HTTP_.*|INSECURE_HOST|NATIVE_TLS|SYSTEM_CERTS|OFFLINE)"
)
"""uv's settings that say how packages are reached."""


def run(*command: str | Path, **options: object) -> str:
    """Run a command in the repository, and return what it printed."""
    done = subprocess.run(command, cwd=ROOT, check=True, text=True, capture_output=True, **options)  # type: ignore[call-overload]
    return str(done.stdout)


def buildah(command: str, *arguments: str | Path) -> str:
    """Run buildah on a store of our own: no mount of it outlives the command."""
    own = ("--root", STORE / "storage", "--runroot", STORE / "run", "--storage-driver", "overlay")
    options = ("--storage-opt", "overlay.skip_mount_home=true")
    return run("buildah", *own, *options, command, *arguments, env={**os.environ, "TMPDIR": str(STORE)})


def build(file: str | Path, context: Path, *options: str | Path) -> str:
    """Build what a Dockerfile says, or what it says up to a stage; return the identifier of the image, a digest of its content."""
    identifier = STORE / "id"
    common = ("--isolation", "chroot", "--layers", "--force-rm", "--timestamp", "0", "--iidfile", identifier)
    buildah("bud", *common, *options, "--file", file, context)
    return identifier.read_text().removeprefix("sha256:")


def host_sources() -> list[Path]:
    """Return where this machine gets its packages from, if it is of the same Debian."""
    if "VERSION_CODENAME=bookworm" not in Path("/etc/os-release").read_text().splitlines():
        return []
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").iterdir())]
    return [file for file in files if file.suffix in {".list", ".sources"} and file.is_file()]


def base() -> str:
    """Return the name of the image that the others are based on; make it if it is not there."""
    hook = """rm --force "$1"/etc/apt/apt.conf.d/99mmdebstrap"""
    if host_sources():
        hook += """ "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/*"""
    options = [
        "--mode=root",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        f"--customize-hook={hook}",
    ]
    options += [f"--dpkgopt={option}" for option in (*LEFT_OUT, LICENCES)]
    name = f"localhost/podium/base:{hashlib.sha256(repr(options).encode()).hexdigest()[:12]}"
    if buildah("images", "--quiet", "--filter", f"reference={name}"):
        return name
    context = STORE / "base"
    context.mkdir(exist_ok=True)
    acquire = STORE / "apt.conf"
    acquire.write_text(run("sh", "-c", "apt-config dump | grep ^Acquire:: || true"))
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "0", "TMPDIR": str(STORE)}
    system = ("bookworm", context / "system.tar", *host_sources())
    run("mmdebstrap", "--quiet", f"--aptopt={acquire}", *options, *system, env=environment)
    (context / "Dockerfile").write_text("FROM scratch\nADD system.tar /\n")
    build(context / "Dockerfile", context, "--tag", name)
    shutil.rmtree(context)
    return name


def reach() -> list[str]:
    """Return the mounts by which a build has uv, its cache, and all by which this machine reaches indices of packages."""
    folder = STORE / "uv"
    folder.mkdir(mode=0o700, exist_ok=True)
    cache = Path(run("scripts/uv", "cache", "dir").strip())
    cache.mkdir(parents=True, exist_ok=True)
    installed = TOOLS / "uv/bin/uv"
    uv = installed if installed.exists() else Path(str(shutil.which("uv"))).resolve()
    mounts = {str(folder): "/build/.tools/uv/bin:ro", str(uv): "/opt/uv:ro", str(cache): "/var/cache/uv"}
    mounts |= {
        str(path): f"{place}:ro"
        for path, place in ((Path("/etc/uv"), "/etc/uv"), (Path.home() / ".config/uv", "/root/.config/uv"))
        if path.is_dir()
    }
    environment = {name: value for name, value in os.environ.items() if NETWORK.fullmatch(name)}
    if bundle := os.environ.get("SSL_CERT_FILE"):
        mounts[str(Path(bundle).resolve())] = f"{CERTIFICATES}:ro"
        environment["SSL_CERT_FILE"] = CERTIFICATES
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()]
    program = folder / "uv"
    program.write_text(f'#!/bin/sh\n{"".join(exports)}UV_CACHE_DIR=/var/cache/uv exec /opt/uv "$@"\n')
    program.chmod(0o700)
    return [f"{source}:{place}" for source, place in mounts.items()]


def volumes(mounts: Iterable[str]) -> list[str]:
    """Return mounts as options of buildah."""
    return [option for mount in mounts for option in ("--volume", mount)]


def archive(name: str, folder: Path, extra: str) -> str:
    """Build an image, write it, and return its name with its tag.

    Each stage on the way has a name of its own, or its layers would be gone before the next time. Only the stage that builds is given the
    tools of this machine: places to mount them are left behind in what a stage makes.
    """
    file = ROOT / DOCKERFILES[name]
    apt = ["/etc/apt:/etc/apt:ro"] if host_sources() else []
    tools = reach()
    for room, jars in JARS.get(name, []):
        run("scripts/maven", room, f".tools/{jars}")
        tools.append(f"{TOOLS / jars}:/build/.tools/{jars}:ro")
    with_extra = ("--build-arg", f"EXTRA={extra}") if extra else ()
    common = ("--build-arg", f"PYTHON={base()}", *with_extra, *volumes(apt))
    for stage in re.findall(r"^FROM \S+ AS (\S+)$", file.read_text(), re.MULTILINE):
        given = volumes(tools) if stage == "build" else []
        build(file, ROOT, *common, *given, "--target", stage, "--tag", f"localhost/podium/{name}-{stage}")
    identifier = build(file, ROOT, *common, "--tag", f"localhost/podium/{name}")
    version = tomllib.loads((ROOT / "libs/cli/pyproject.toml").read_text())["project"]["version"]
    tagged = f"podium/{name}:{version}-{identifier[:12]}"
    target = folder / f"{name}.tar"
    target.unlink(missing_ok=True)
    buildah("push", "--quiet", identifier, f"docker-archive:{target}:{tagged}")
    buildah("rmi", "--prune")
    return tagged


def main() -> int:
    """Build what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--extra", default="", help="what the images are to hold besides")
    parser.add_argument("names", nargs="+", metavar="NAME", choices=DOCKERFILES)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.stderr.write(
            "podium: building images without Docker needs root: a root file system is made and entered\n"
        )
        return 1
    STORE.mkdir(parents=True, exist_ok=True)
    options.folder.mkdir(parents=True, exist_ok=True)
    try:
        if not all(map(shutil.which, ("buildah", "mmdebstrap"))):
            run("scripts/apt", "buildah", "mmdebstrap", "debian-archive-keyring")
        with (STORE / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            buildah("rm", "--all")  # what an interrupted build left behind
            for name in options.names:
                print(archive(name, options.folder.resolve(), options.extra), flush=True)
    except subprocess.CalledProcessError as error:
        sys.stderr.write(
            f"{error.stdout}{error.stderr}podium: {Path(error.cmd[0]).name} failed; what it said is above\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
