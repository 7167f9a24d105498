"""What Anymail's backend for Postmark makes of recipients that are suppressed: the status of each, and the error where all are."""

import json
import sys

import django
from anymail.exceptions import AnymailError
from django.conf import settings
from django.core.mail import EmailMessage

base, key = sys.argv[1:]
settings.configure(EMAIL_BACKEND="anymail.backends.postmark.EmailBackend", ANYMAIL={"POSTMARK_API_URL": base, "POSTMARK_SERVER_TOKEN": key})
django.setup()
mail = EmailMessage("s", "t", "f@example.test", ["a@example.test", "gone@example.test"])
mail.send()
print(json.dumps({address: one.status for address, one in mail.anymail_status.recipients.items()}))
try:
    EmailMessage("s", "t", "f@example.test", ["gone@example.test"]).send()
except AnymailError as error:
    print(json.dumps(type(error).__name__))
