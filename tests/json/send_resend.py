"""What sdks.rs wants of every SDK, by Resend's for Python: a line of JSON for each call."""

import json
import sys

import resend

resend.api_key = sys.argv[2]
FROM, TO = "f@example.test", "a@example.test"
CALLS = [
    {"from": FROM, "to": TO, "subject": "plain", "text": "Hello"},
    {"from": FROM, "to": [TO], "subject": "html", "text": "Hello", "html": "<p>Hello</p>"},
    {"from": FROM, "to": TO, "subject": "file", "text": "t", "attachments": [{"filename": "rechnung.pdf", "content": list(range(256))}]},
    {
        "from": FROM, "to": TO, "subject": "inline", "html": '<img src="cid:logo">',
        "attachments": [{"filename": "logo.png", "content": "iVBORw==", "content_id": "logo"}],
    },
    {
        "from": "Jürgen Müller <f@example.test>", "to": [TO, "Bö <b@example.test>"], "cc": "c@example.test", "bcc": ["d@example.test"],
        "reply_to": "r@example.test", "subject": "Grüße 😀", "text": "Grüße 😀", "headers": {"X-Campaign": "spring"},
        "tags": [{"name": "category", "value": "test"}],
    },
    {"from": FROM, "to": [TO, "no address"], "subject": "s", "text": "t"},
    {"from": FROM, "to": "x@elsewhere.test", "subject": "s", "text": "t"},
    {"from": FROM, "to": TO, "subject": "s", "text": "t", "scheduled_at": "in 1 min"},
]

for call in CALLS:
    try:
        print(json.dumps({"id": resend.Emails.send(call)["id"]}))
    except resend.exceptions.ResendError as error:
        print(json.dumps({"error": {"name": error.error_type, "message": error.message}}))
