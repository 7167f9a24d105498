"""The rows of the tables: every server does the same job, which is to take a mail by HTTP and to give it to the program that is the sink."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import types

from databases import Postgres
from measured import BENCH, BUILT, TARGET, Group, Sample, Tree, apxs, free_port, output
from postfix import Postfix


class Server:
    """Started with a sink, stopped by its process."""

    name = "?"
    way = "fields"  # in which a mail is written in a request; the load knows them all

    def start(self, place, sink):
        raise NotImplementedError

    def spawn(self, place, *words, **environment):
        log = open(place / f"{type(self).__name__}.log", "a")
        self.group = Group()
        self.process = subprocess.Popen(self.group.words(words), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                        env={"PATH": os.environ["PATH"], "LANG": "C", **environment})
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} did not start: {(place / (type(self).__name__ + '.log')).read_text()[-2000:]}")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.group.close()

    def load(self, connections, octets, seconds):
        tree = Tree(self.process.pid, self.group)
        tree.forget_peak()
        before = tree.cpu()
        line = output(BUILT / "release/load", f"127.0.0.1:{self.port}", str(connections), str(octets), str(seconds), self.way)
        self.settle()
        return Sample(line, tree.cpu() - before, tree.peak())

    def settle(self):
        """Until what was taken is done, where that is later than the answer."""


class Floor(Server):
    name = "spawn floor"

    def start(self, place, sink):
        self.sink = sink

    def stop(self):
        pass

    def load(self, connections, octets, seconds):
        line = output(BUILT / "floor", str(self.sink), str(connections), str(octets), str(seconds))
        return Sample(line, float(line.split()[5]), float("nan"))


class Httpd(Server):
    modules = ()
    protocol = ""  # of Listen
    launcher = ()  # words before httpd's own
    processes = "-DFOREGROUND"
    threads = 256

    def start(self, place, sink):
        self.port = free_port()
        folder = pathlib.Path(tempfile.mkdtemp(prefix=type(self).__name__, dir=place))
        for name in ("run", "tmp"):
            (folder / name).mkdir()
        os.chmod(folder, 0o755)
        program = apxs("-q", "SBINDIR") + "/" + apxs("-q", "PROGNAME")
        loads = "".join(f"LoadModule {name}_module {apxs('-q', 'LIBEXECDIR')}/mod_{name}.so\n"
                        for name in ("mpm_event", "authz_core", *self.modules))
        user = ""
        if os.geteuid() == 0:
            user = "User www-data\nGroup www-data\n"
            for owned in (folder, folder / "run", folder / "tmp"):
                shutil.chown(owned, "www-data")
        # Each child has room for all connections: one whose threads are all busy closes those that are kept, and the load counts an error.
        (folder / "httpd.conf").write_text(
            f"{loads}ServerRoot {folder}\nDefaultRuntimeDir {folder}/run\nPidFile {folder}/run/pid\nServerName gateway.test\n"
            f"Listen 127.0.0.1:{self.port}{self.protocol}\nErrorLog {folder}/error.log\nLogLevel warn\n{user}KeepAlive On\nMaxKeepAliveRequests 0\n"
            f"ServerLimit 2\nThreadsPerChild {self.threads}\nThreadLimit {self.threads}\nStartServers 2\nMinSpareThreads 1\n"
            f"MaxSpareThreads {2 * self.threads}\nMaxRequestWorkers {2 * self.threads}\n"
            f"{self.configuration(folder, sink)}\n")
        self.folder = folder
        words = (*self.launcher, program, "-d", str(folder), "-f", str(folder / "httpd.conf"), self.processes)
        self.spawn(place, *words, TMPDIR=str(folder / "tmp"))

    def configuration(self, folder, sink):
        raise NotImplementedError


class Drain(Httpd):
    name = "httpd alone"

    def configuration(self, folder, sink):
        return f"LoadModule drain_module {BUILT}/mod_drain.so\n<Location /mail>\nSetHandler drain\n</Location>"


class Pipe(Httpd):
    """The least that a handler can do."""

    name = "httpd + C that pipes"

    def configuration(self, folder, sink):
        return f"LoadModule pipe_module {BUILT}/mod_pipe.so\nPipeProgram {sink}\n<Location /mail>\nSetHandler pipe\n</Location>"


class Sendmail(Httpd):
    name = "mod_sendmail"
    more = ""

    def configuration(self, folder, sink):
        return (f"LoadModule sendmail_module {TARGET}/release/libmod_sendmail.so\n{self.server(folder)}"
                f"<Location /mail>\nSetHandler sendmail\nSendmailName {sink}\nSendmailMaxSize 60M\n{self.more}</Location>")

    def server(self, folder):
        return ""


# With delivery status: each message is written into a database before it is handed over.


class Recorded(Sendmail):
    modules = ("dbd",)
    more = "SendmailDSNLocation http://gateway.test/dsn\n"

    def server(self, folder):
        driver, params = self.database(folder)
        init = subprocess.run([TARGET / "release/processdsn", "--driver", driver, "--params", params, "--init"], capture_output=True, text=True)
        if init.returncode:
            raise LookupError(f"no database: {init.stderr.strip()}")
        return f'DBDriver {driver}\nDBDParams "{params}"\nDBDMax 64\nProcessDSNEnable on\n'


class RecordedSqlite(Recorded):
    name = "with status, SQLite"

    def database(self, folder):
        file = folder / "tmp/dsn.sqlite"
        file.touch()
        if os.geteuid() == 0:
            shutil.chown(file, "www-data")
        return "sqlite3", str(file)


class RecordedPostgres(Recorded):
    name = "with status, PostgreSQL"

    def database(self, folder):
        self.postgres = Postgres(folder / "postgres")
        return "pgsql", self.postgres.params

    def start(self, place, sink):
        self.postgres = None
        try:
            super().start(place, sink)
        except BaseException:
            self.stop_database()
            raise

    def stop(self):
        super().stop()
        self.stop_database()

    def stop_database(self):
        if self.postgres:
            self.postgres.stop()


# Other ways to write a mail in a request. A module that does not know SendmailInputs has none of them; their rows are missing then.


class Form(Sendmail):
    name = way = "form"
    more = 'SendmailInputs form\nSendmailFormTo alice@test.local\nSendmailFormFrom user@test.local\nSendmailFormSubject "a report"\n'


class Mime(Sendmail):
    name = way = "mime"
    more = "SendmailInputs mime\n"


class Json(Sendmail):
    name = "JSON (resend)"
    way = "resend"
    more = "SendmailInputs resend\n"


class Relay(Httpd):
    """The same Postfix by SMTP, over kept connections."""

    name = "SendmailRelay"

    def configuration(self, folder, sink):
        port = (sink.parent / "port").read_text()
        return (f"LoadModule sendmail_module {TARGET}/release/libmod_sendmail.so\n"
                f"<Location /mail>\nSetHandler sendmail\nSendmailRelay 127.0.0.1:{port}\nSendmailMaxSize 60M\n</Location>")


class Program(Sendmail):
    name = "SendmailName"


# What being looked at costs: a milter has an envelope of its own, so the program gets it behind --.


class Unchecked(Sendmail):
    name = "without a milter"
    more = "SendmailArguments -i --\n"


class Checked(Sendmail):
    """A milter that is shown each step, and answers each."""

    name = "through a milter"
    wants = "all"

    def start(self, place, sink):
        where, endpoint = self.where(place)
        self.milter = subprocess.Popen([BUILT / "release/noop_milter", where, self.wants], stdin=subprocess.DEVNULL)
        self.more = f"{Unchecked.more}SendmailMilter {endpoint}\n"
        super().start(place, sink)

    def where(self, place):
        port = free_port()
        return str(port), f"inet:127.0.0.1:{port}"

    def stop(self):
        super().stop()
        self.milter.terminate()
        self.milter.wait()


class CheckedAtEnd(Checked):
    """A milter without a callback says so, and is told of the end alone."""

    name = "through a milter without callbacks"
    wants = "nothing"


class CheckedByPath(CheckedAtEnd):
    name = "through a milter without callbacks, unix:"

    def where(self, place):
        path = pathlib.Path(tempfile.mkdtemp(prefix="milter", dir=place)) / "socket"
        os.chmod(path.parent, 0o755)
        return str(path), f"unix:{path}"


# SMTP in and SMTP out, to a server that only takes (smtp-sink, the sink's port).


class Submission(Httpd):
    name = "mod_submission"
    way = "smtp"
    protocol = " smtp"
    modules = ("authz_host",)

    def configuration(self, folder, sink):
        return (f"LoadModule sendmail_module {TARGET}/release/libmod_sendmail.so\nLoadModule submission_module {TARGET}/release/libmod_sendmail.so\n"
                f"AcceptFilter smtp none\n<VirtualHost 127.0.0.1:{self.port}>\nSubmissionEnable On\nSubmissionMaxConnections 400 400\n"
                f"<Location />\nRequire local\nSendmailRelay 127.0.0.1:{sink}\nSendmailMaxSize 60M\nSendmailMaxProcesses 0\n</Location>\n</VirtualHost>")


class Smtpd(Server):
    """Postfix's smtpd, its queue and its client of SMTP; CPU until the queue is empty."""

    name = "Postfix"
    way = "smtp"

    def start(self, place, sink):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="smtpd", dir=place)) / "postfix"
        os.chmod(folder.parent, 0o755)
        self.group = Group()
        self.postfix = Postfix(folder, sink, self.group.words)
        self.port = self.postfix.port
        master = int((folder / "spool/pid/master.pid").read_text())
        self.process = types.SimpleNamespace(pid=master)

    def stop(self):
        self.postfix.stop()
        self.group.close()

    def settle(self):
        self.postfix.settle()


class Cgi(Httpd):
    name = "mod_cgid + C"
    modules = ("cgid", "alias")

    def configuration(self, folder, sink):
        cgi = folder / "mail"
        subprocess.run(["cc", "-O2", f'-DSINK="{sink}"', "-o", cgi, BENCH / "servers/gateway.c"], check=True)
        return (f"ScriptSock {folder}/run/cgid\nScriptAlias /mail {cgi}\n<Directory {folder}>\nRequire all granted\nOptions +ExecCGI\n"
                "CGIPassAuth Off\n</Directory>")


class Php(Httpd):
    name = "php-fpm mail()"
    modules = ("proxy", "proxy_fcgi")

    @staticmethod
    def program():
        found = sorted(pathlib.Path("/usr/sbin").glob("php-fpm*"))
        return found[-1] if found else None

    def start(self, place, sink):
        if not self.program():
            raise LookupError("php-fpm is not installed")
        super().start(place, sink)

    def configuration(self, folder, sink):
        user = "user = www-data\ngroup = www-data\nlisten.owner = www-data\n" if os.geteuid() == 0 else ""
        (folder / "fpm.conf").write_text(
            f"[global]\nerror_log = {folder}/fpm.log\ndaemonize = no\n[mail]\nlisten = {folder}/run/fpm\n{user}pm = static\npm.max_children = 16\n"
            f"php_admin_value[sendmail_path] = {sink} -t -i\nphp_admin_value[memory_limit] = 1G\nphp_admin_value[post_max_size] = 60M\n"
            "php_admin_value[opcache.enable] = 1\n")
        shutil.copy(BENCH / "servers/mail.php", folder / "mail.php")
        self.fpm_group = Group()
        words = self.fpm_group.words((self.program(), "-F", "-O", "-y", folder / "fpm.conf"))
        self.fpm = subprocess.Popen(words, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        return (f'ProxyPassMatch "^/mail$" "unix:{folder}/run/fpm|fcgi://localhost{folder}/mail.php"\nProxyTimeout 60\n'
                f'ProxyFCGISetEnvIf true SCRIPT_FILENAME {folder}/mail.php')

    def stop(self):
        super().stop()
        self.fpm.terminate()
        self.fpm.wait()
        self.fpm_group.close()

    def load(self, connections, octets, seconds):
        tree = Tree(self.fpm.pid, self.fpm_group)
        tree.forget_peak()
        before = tree.cpu()
        sample = super().load(connections, octets, seconds)
        if sample.messages:
            sample.cpu += (tree.cpu() - before) / sample.messages
        sample.peak = max(sample.peak, tree.peak())
        return sample


class Go(Server):
    name = "Go net/http + os/exec"

    def start(self, place, sink):
        if not (BUILT / "gateway-go").exists():
            raise LookupError("no Go compiler (golang-go)")
        self.port = free_port()
        self.spawn(place, BUILT / "gateway-go", f"127.0.0.1:{self.port}", str(sink))


class Axum(Server):
    name = "axum + lettre"

    def start(self, place, sink):
        if not (BUILT / "release/gateway-axum").exists():
            raise LookupError("could not be built (no crates?)")
        self.port = free_port()
        self.spawn(place, BUILT / "release/gateway-axum", f"127.0.0.1:{self.port}", str(sink))


SERVERS = [Floor, Drain, Pipe, Sendmail, Cgi, Php, Go, Axum]
