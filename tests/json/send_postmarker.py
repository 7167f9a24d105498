"""What sdks.rs wants of every SDK, by postmarker: a line of JSON for each call. It joins its paths to the root of the host."""

import json
import sys

from postmarker.core import PostmarkClient
from postmarker.exceptions import ClientError

client = PostmarkClient(server_token=sys.argv[2], root_api_url=sys.argv[1])
FROM, TO = "f@example.test", "a@example.test"
BASE = {"From": FROM, "To": TO, "TextBody": "t"}
IMAGE = {"Name": "logo.png", "Content": "iVBORw==", "ContentType": "image/png", "ContentID": "cid:logo"}
CALLS = [
    {**BASE, "Subject": "plain", "TextBody": "Hello"},
    {**BASE, "Subject": "html", "TextBody": "Hello", "HtmlBody": "<p>Hello</p>"},
    {**BASE, "Subject": "file"},
    {"From": FROM, "To": TO, "Subject": "inline", "HtmlBody": '<img src="cid:logo">', "Attachments": [IMAGE]},
    {
        "From": "Jürgen Müller <f@example.test>", "To": [TO, "Bö <b@example.test>"], "Cc": "c@example.test", "Bcc": ["d@example.test"],
        "ReplyTo": "r@example.test", "Subject": "Grüße 😀", "TextBody": "Grüße 😀", "Headers": {"X-Campaign": "spring"},
        "Tag": "test", "Metadata": {"a": "b"},
    },
    {**BASE, "To": [TO, "no address"], "Subject": "s"},
    {**BASE, "To": "x@elsewhere.test", "Subject": "s"},
    {**BASE, "Subject": "s", "TrackOpens": True},
]

for call in CALLS:
    email = client.emails.Email(**call)
    if call["Subject"] == "file":
        email.attach_binary(bytes(range(256)), "rechnung.pdf")
    try:
        print(json.dumps({"id": email.send()["MessageID"]}))
    except ClientError as error:
        print(json.dumps({"error": {"name": str(error.error_code), "message": str(error)}}))
