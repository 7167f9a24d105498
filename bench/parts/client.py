"""What a message costs the machine it is sent from: one start of sendmail-http, of msmtp; and how fast a queue drains. CPU is that of the
command alone (wait4(2)); the servers of both discard what they take."""

import os
import pathlib
import shutil
import subprocess
import time

from measured import TARGET, median, number
from postfix import Postfix
from servers import Sendmail

PROGRAM = TARGET / "release/sendmail-http"
MESSAGE = b"To: a@b.test\nSubject: nightly\n\n" + b"a line of text that says that all is well\n" * 23
CERTIFICATE = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=localhost",
               "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE")


class Gateway(Sendmail):
    """Takes messages as the client sends them; with TLS at the next port."""

    modules = ("socache_shmcb", "ssl")

    def configuration(self, folder, sink):
        location = (f"<Location /mail>\nSetHandler sendmail\nSendmailName {sink}\nSendmailMaxSize 60M\nSendmailInputs mime\n"
                    f"SendmailArguments -i --\nSendmailIdempotency {folder}/run\n</Location>\n")
        self.tls_port = self.port + 1
        files = f"SSLCertificateFile {self.certificate}\nSSLCertificateKeyFile {self.key}"
        return (f"LoadModule sendmail_module {TARGET}/release/libmod_sendmail.so\n{location}Listen 127.0.0.1:{self.tls_port}\n"
                f"<VirtualHost 127.0.0.1:{self.tls_port}>\nSSLEngine on\n{files}\n</VirtualHost>")


class Cost:
    """A command that was run to its end."""

    def __init__(self, words, stdin, watched=False):
        begin = time.monotonic()
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env={"PATH": os.environ["PATH"], "LANG": "C"})
        try:
            process.stdin.write(stdin)
            process.stdin.close()
        except BrokenPipeError:
            pass  # --version reads nothing
        self.peak, ended = 0, (0, 0, None)
        while watched and not ended[0]:
            lines = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
            self.peak = max([self.peak, *(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))])
            time.sleep(0.01)
            ended = os.wait4(process.pid, os.WNOHANG)
        _, status, used = ended if watched else os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{' '.join(map(str, words))} ended with {process.returncode}")
        self.wall, self.cpu = time.monotonic() - begin, used.ru_utime + used.ru_stime


class Client:
    """All of it; `missing` is told what could not be measured."""

    def __init__(self, place, sink, missing):
        self.place, self.missing = place / "client", missing
        self.place.mkdir()
        os.chmod(self.place, 0o755)
        self.gateway, self.postfix = Gateway(), None
        self.gateway.certificate, self.gateway.key = self.place / "localhost.crt", self.place / "localhost.key"
        subprocess.run([*CERTIFICATE, "-keyout", self.gateway.key, "-out", self.gateway.certificate], check=True, capture_output=True)
        self.gateway.start(self.place, sink)
        if shutil.which("msmtp"):
            try:
                tls = f"smtpd_tls_chain_files = {self.gateway.key}, {self.gateway.certificate}\nsmtpd_tls_security_level = may\n"
                self.postfix = Postfix(self.place / "postfix", more=tls)
            except (LookupError, OSError, subprocess.CalledProcessError) as error:
                missing["msmtp"] = str(error)
        else:
            missing["msmtp"] = "it is not installed"

    def stop(self):
        self.gateway.stop()
        if self.postfix:
            self.postfix.stop()

    def settings(self, name, text):
        path = self.place / f"{name}.conf"
        path.write_text(text)
        os.chmod(path, 0o600)
        return str(path)

    def commands(self):
        """Name -> words."""
        usual = "domain b.test\naliases /dev/null\npostmaster a@b.test\nbackground no\nqueue none\n"
        plain = self.settings("plain", f"url http://127.0.0.1:{self.gateway.port}/mail\n{usual}")
        tls = self.settings("tls", f"url https://localhost:{self.gateway.tls_port}/mail\nca {self.gateway.certificate}\n{usual}")
        queue = self.settings("queue", f"url http://127.0.0.1:9/mail\n{usual.replace('none', str(self.place / 'queued'))}quota_messages 1000000\n")
        found = {
            "sendmail-http --version": (PROGRAM, "--version"),
            "sendmail-http, http": (PROGRAM, "--config", plain, "-t"),
            "sendmail-http, https": (PROGRAM, "--config", tls, "-t"),
            "sendmail-http, only queued": (PROGRAM, "--config", queue, "-odq", "-t"),
        }
        if self.postfix:
            port = (self.postfix.root / "bin/port").read_text()
            usual = f"account default\nhost localhost\nport {port}\nfrom a@b.test\n"
            off = self.settings("msmtp-plain", f"{usual}tls off\n")
            on = self.settings("msmtp-tls", f"{usual}tls on\ntls_starttls on\ntls_trust_file {self.gateway.certificate}\n")
            found["msmtp, smtp"] = ("msmtp", "-C", off, "-t")
            found["msmtp, STARTTLS"] = ("msmtp", "-C", on, "-t")
        return found

    def rounds(self, rounds, each):
        """{name: [Cost]}: of each round the median start of each command; the commands take turns."""
        found = {}
        for _ in range(rounds):
            for name, words in self.commands().items():
                try:
                    costs = [Cost(words, MESSAGE) for _ in range(each)]
                except (RuntimeError, OSError) as error:
                    self.missing[name] = str(error)
                    continue
                middle = costs[0]
                for of in ("wall", "cpu"):
                    setattr(middle, of, median(getattr(cost, of) for cost in costs))
                found.setdefault(name, []).append(middle)
        return found

    def drain(self, count):
        """One run over a queue of so many messages."""
        queue = self.place / "drained"
        text = (f"domain b.test\naliases /dev/null\npostmaster a@b.test\nbackground no\nqueue {queue}\nquota_messages 1000000\n"
                f"url http://127.0.0.1:{self.gateway.port}/mail\n")
        conf = self.settings("drain", text)
        Cost((PROGRAM, "--config", conf, "-odq", "-t"), MESSAGE)
        [first] = (queue / "new").iterdir()
        name, uid = first.name.split(".")
        message = first.read_text()
        for copy in range(1, count):
            other = f"{name[:24]}{copy:08}"
            (queue / "new" / f"{other}.{uid}").write_text(message.replace(name, other))
        cost = Cost((PROGRAM, "--config", conf, "-q"), b"", watched=True)
        left = len(list((queue / "new").iterdir()))
        if left:
            raise RuntimeError(f"{left} messages are still in the queue")
        return cost


def tables(found, drained, count):
    lines = ["### The client: one message of 1 KB", "", "CPU of the command alone.", "",
             "| command | wall ms | CPU ms |", "|---|---:|---:|"]
    for name, costs in found.items():
        wall, cpu = (median(getattr(cost, of) for cost in costs) for of in ("wall", "cpu"))
        lines.append(f"| {name} | {number(1000 * wall, 2)} | {number(1000 * cpu, 2)} |")
    if drained:
        lines += ["", f"A queue of {count:,} messages drains at {number(count / drained.wall)} messages/s over one connection, with "
                  f"{number(1e6 * drained.cpu / count)} us of CPU each and {number(drained.peak, 1)} MB."]
    return lines + [""]


def goals(found):
    def over(one, other, of):
        pairs = list(zip(found.get(one, []), found.get(other, [])))
        return median(getattr(a, of) / getattr(b, of) for a, b in pairs) if pairs else None

    plain = found.get("sendmail-http, http")
    return [
        ("sendmail-http without TLS, CPU ms", "<= 5", 1000 * median(cost.cpu for cost in plain) if plain else None),
        ("sendmail-http by https, wall over msmtp by STARTTLS", "<= 1", over("sendmail-http, https", "msmtp, STARTTLS", "wall")),
        ("sendmail-http by https, CPU over msmtp by STARTTLS", "<= 1", over("sendmail-http, https", "msmtp, STARTTLS", "cpu")),
    ]
