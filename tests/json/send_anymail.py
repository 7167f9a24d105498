"""What sdks.rs wants of every SDK, by django-anymail with the backend of the third argument: a line of JSON for each call."""

import json
import sys
from datetime import datetime, timezone
from email.mime.image import MIMEImage

import django
from anymail.exceptions import AnymailAPIError
from django.conf import settings
from django.core.mail import EmailMultiAlternatives

base, key, backend = sys.argv[1:]
settings.configure(
    EMAIL_BACKEND=f"anymail.backends.{backend}.EmailBackend",
    ANYMAIL={
        "RESEND_API_URL": base, "RESEND_API_KEY": key,
        "POSTMARK_API_URL": base, "POSTMARK_SERVER_TOKEN": key,
        "SENDGRID_API_URL": f"{base}/v3/", "SENDGRID_API_KEY": key,
    },
)
django.setup()
FROM, TO = "f@example.test", "a@example.test"


def mail(subject="s", text="t", to=(TO,), sender=FROM, html=None, **more):
    message = EmailMultiAlternatives(subject, text, sender, list(to), **more)
    if html:
        message.attach_alternative(html, "text/html")
    return message


file = mail("file")
file.attach("rechnung.pdf", bytes(range(256)), "application/pdf")
inline = mail("inline", "", html='<img src="cid:logo">')
image = MIMEImage(bytes.fromhex("89504e47"), "png")
image["Content-ID"], image["Content-Disposition"] = "<logo>", 'inline; filename="logo.png"'
inline.attach(image)
unicode = mail(
    "Grüße 😀", "Grüße 😀", [TO, "Bö <b@example.test>"], "Jürgen Müller <f@example.test>", cc=["c@example.test"],
    bcc=["d@example.test"], reply_to=["r@example.test"], headers={"X-Campaign": "spring"},
)
later = mail()
if backend == "postmark":
    later.track_opens = True
else:
    later.send_at = datetime(2100, 1, 1, tzinfo=timezone.utc)

CALLS = [
    mail("plain", "Hello"), mail("html", "Hello", html="<p>Hello</p>"), file, inline, unicode,
    mail(to=[TO, f"a@{'x' * 70}.test"]), mail(to=["x@elsewhere.test"]), later,
]

for call in CALLS:
    try:
        call.send()
        status = call.anymail_status
        # For SendGrid, anymail makes an id of its own; ours stands in the answer.
        print(json.dumps({"id": status.message_id if backend != "sendgrid" else status.esp_response.headers["X-Message-Id"]}))
    except AnymailAPIError as error:
        print(json.dumps({"error": {"name": type(error).__name__, "message": str(error)}}))
