"""A PostgreSQL of our own, on a socket in a folder."""

import os
import pathlib
import shutil
import subprocess
import time


class Postgres:
    def __init__(self, folder):
        programs = [path for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin") if (path / "postgres").exists()]
        if not programs:
            raise LookupError("PostgreSQL is not installed")
        self.programs, self.folder = programs[-1], folder
        folder.mkdir()
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        self.run("initdb", "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C", "-D", str(folder / "data"))
        self.server = subprocess.Popen(self.words("postgres", "-D", str(folder / "data"), "-k", str(folder), "-h", "", "-c", "max_connections=200"),
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
        for _ in range(200):
            try:
                self.run("psql", "-X", "-q", "-U", "postgres", "-h", str(folder), "-c", "CREATE DATABASE bench")
                break
            except subprocess.CalledProcessError:
                time.sleep(0.05)
        self.params = f"host={folder} user=postgres dbname=bench"

    def words(self, program, *words):
        user = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups") if os.geteuid() == 0 else ()
        return [*user, str(self.programs / program), *words]

    def run(self, *words):
        subprocess.run(self.words(*words), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder)

    def stop(self):
        self.server.terminate()
        self.server.wait()
