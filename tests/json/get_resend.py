"""Sends by Resend's SDK for Python and reads what became of it; then what is not there."""

import json
import sys

import resend

resend.api_key = sys.argv[2]
sent = resend.Emails.send({"from": "f@example.test", "to": "a@example.test", "subject": "s", "text": "t"})
email = resend.Emails.get(email_id=sent["id"])
print(json.dumps({name: email[name] for name in ("object", "id", "last_event")}))
try:
    resend.Emails.get(email_id="0" * 32)
except resend.exceptions.ResendError as error:
    print(json.dumps({"error": error.error_type}))
