# Only where there is no systemd, which has a timer for this.
* * * * * sendmail-http [ -d /run/systemd/system ] || [ ! -x /usr/bin/sendmail-http ] || /usr/bin/sendmail-http -q
