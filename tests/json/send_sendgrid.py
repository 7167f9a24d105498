"""What sdks.rs wants of every SDK, by SendGrid's for Python: a line of JSON for each call."""

import base64
import json
import sys

from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Attachment, Bcc, Category, Cc, ContentId, CustomArg, Email, Header, Mail, ReplyTo, SendAt, To

FROM, TO = "f@example.test", "a@example.test"
client = SendGridAPIClient(api_key=sys.argv[2], host=sys.argv[1])


def mail(subject="s", to=TO, sender=FROM, text="t", **more):
    return Mail(from_email=sender, to_emails=to, subject=subject, plain_text_content=text, **more)


pdf = base64.b64encode(bytes(range(256))).decode()
file = mail("file")
file.attachment = Attachment(pdf, "rechnung.pdf", "application/pdf", "attachment")
inline = mail("inline", text=None, html_content='<img src="cid:logo">')
inline.attachment = Attachment("iVBORw==", "logo.png", "image/png", "inline", ContentId("logo"))
unicode = mail("Grüße 😀", [To(TO), To("b@example.test", "Bö")], Email(FROM, "Jürgen Müller"), "Grüße 😀")
unicode.cc, unicode.bcc, unicode.reply_to = Cc("c@example.test"), Bcc("d@example.test"), ReplyTo("r@example.test")
unicode.header, unicode.category, unicode.custom_arg = Header("X-Campaign", "spring"), Category("test"), CustomArg("a", "b")
later = mail()
later.send_at = SendAt(4102444800)

CALLS = [
    mail("plain", text="Hello"), mail("html", text="Hello", html_content="<p>Hello</p>"), file, inline, unicode,
    mail(to=[TO, "a..b@example.test"]), mail(to="x@elsewhere.test"), later,
]

for call in CALLS:
    try:
        response = client.send(call)
        print(json.dumps({"id": response.status_code == 202 and response.headers["X-Message-Id"]}))
    except HTTPError as error:
        print(json.dumps({"error": {"name": type(error).__name__, "message": error.to_dict["errors"][0]["message"]}}))
