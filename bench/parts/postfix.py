"""A private Postfix: its own configuration and queue, nothing in /etc touched; it discards what it takes."""

import os
import shutil
import signal
import subprocess
import time

from measured import BENCH, free_port, output

MAIN = """compatibility_level = 3.6
meta_directory = {root}/etc
queue_directory = {root}/spool
data_directory = {root}/lib
daemon_directory = {daemons}
command_directory = {root}/bin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {root}/log/mail.log
maillog_file_prefixes = {root}
myhostname = mx.test.local
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
default_transport = discard:
local_transport = discard:
relay_transport = discard:
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
message_size_limit = 104857600
in_flow_delay = 0s
"""

MASTER = """127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
"""


# A Postfix that gives its mail to another server.
CLIENT = """smtp unix - - n - - smtp
rewrite unix - - n - - trivial-rewrite
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
"""


class Postfix:
    """`relay` is the port of the server that gets the mail; `words` puts a command where its CPU is counted; `more` are lines of main.cf."""

    def __init__(self, root, relay=None, words=lambda words: words, more=""):
        if os.geteuid() != 0:
            raise LookupError("a private Postfix needs root")
        if not shutil.which("postconf"):
            raise LookupError("Postfix is not installed")
        commands, self.daemons = output("postconf", "-dh", "command_directory"), output("postconf", "-dh", "daemon_directory")
        for folder in ("etc", "bin", "log", "lib", "spool", "spool/pid"):
            (root / folder).mkdir(parents=True)
        os.chmod(root, 0o755)
        shutil.chown(root / "lib", "postfix")
        for queue in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace"):
            (root / "spool" / queue).mkdir(mode=0o700)
            shutil.chown(root / "spool" / queue, "postfix")
        for queue, mode in (("maildrop", 0o1733), ("public", 0o2755)):
            (root / "spool" / queue).mkdir()
            shutil.chown(root / "spool" / queue, "postfix", "postdrop")
            os.chmod(root / "spool" / queue, mode)
        # Copies without the set-gid bit do not mind a foreign configuration folder.
        for name, copy in (("sendmail", "sendmail.real"), ("postdrop", "postdrop"), ("postqueue", "postqueue")):
            shutil.copyfile(f"{commands}/{name}", root / "bin" / copy)
            os.chmod(root / "bin" / copy, 0o755)
        port = free_port()
        past = time.time() - 60  # Postfix sleeps over a configuration that is younger than two seconds
        main, master = MAIN + more, MASTER
        if relay:
            main = main.replace("discard:", f"smtp:[127.0.0.1]:{relay}") + "disable_dns_lookups = yes\n"
            master = master.replace("rewrite unix - - n - - trivial-rewrite\n", "") + CLIENT
        for name, text in (("main.cf", main), ("master.cf", master)):
            (root / "etc" / name).write_text(text.format(root=root, daemons=self.daemons, port=port))
            os.utime(root / "etc" / name, (past, past))
        self.sendmail = root / "bin/sendmail"
        (root / "bin/port").write_text(str(port))
        subprocess.run(["cc", "-O2", "-static", f'-DPROGRAM="{self.sendmail}.real"', f'-DCONFIGURATION="MAIL_CONFIG={root}/etc"',
                        "-o", self.sendmail, BENCH / "sinks/postfix.c"], check=True)
        self.root, self.port = root, port
        subprocess.run(words((f"{self.daemons}/master", "-c", str(root / "etc"), "-w")), check=True)

    def settle(self):
        """Waits until what was taken is gone."""
        queues = [self.root / "spool" / queue for queue in ("maildrop", "incoming", "active", "deferred")]
        for _ in range(600):
            if not any(entry.is_file() for queue in queues for entry in queue.rglob("*")):
                return
            time.sleep(0.1)
        raise RuntimeError("Postfix does not get rid of its queue")

    def stop(self):
        try:
            os.kill(int((self.root / "spool/pid/master.pid").read_text()), signal.SIGTERM)
            time.sleep(1)
        except (OSError, ValueError):
            pass
