"""What is measured, and what measures it, built."""

import os
import shutil
import subprocess
import sys

from measured import BENCH, BUILT, ROOT, TARGET, apxs


def cargo(*words, **environment):
    subprocess.run(["cargo", "build", "--quiet", "--release", *words], check=True, cwd=ROOT, env={**os.environ, **environment})


def build(place, names):
    BUILT.mkdir(parents=True, exist_ok=True)
    cargo("-p", "mod_sendmail", "-p", "processdsn", "-p", "sendmail-http", CARGO_TARGET_DIR=str(TARGET))
    cargo("--manifest-path", str(BENCH / "load/Cargo.toml"), CARGO_TARGET_DIR=str(BUILT))
    cc = ["cc", "-O2", "-Wall"]
    subprocess.run([*cc, "-pthread", "-o", BUILT / "floor", BENCH / "servers/floor.c"], check=True)
    for module in ("mod_drain", "mod_pipe"):
        shutil.copy(BENCH / f"servers/{module}.c", place)
        apxs("-Wc,-Wall", "-c", f"{module}.c", cwd=place)
        shutil.copy(place / f".libs/{module}.so", BUILT)
    if "Go" in names and shutil.which("go"):
        subprocess.run(["go", "build", "-o", BUILT / "gateway-go", BENCH / "servers/gateway.go"], check=True,
                       env={**os.environ, "GO111MODULE": "off", "GOCACHE": str(BUILT / "go")})
    if "Axum" in names:
        try:
            cargo("--manifest-path", str(BENCH / "servers/axum/Cargo.toml"), CARGO_TARGET_DIR=str(BUILT))
        except subprocess.CalledProcessError:
            print("axum + lettre could not be built", file=sys.stderr)
    files = place / "files"
    files.mkdir()
    os.chmod(files, 0o1777)
    sink = [*cc, "-static", "-nostdlib", "-fno-stack-protector", "-ffreestanding", BENCH / "sinks/sink.c"]
    subprocess.run([*sink, "-o", place / "null"], check=True)
    subprocess.run([*sink, "-DTO_FILE", f'-DSINK_DIR="{files}"', "-o", place / "file"], check=True)
