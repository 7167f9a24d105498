"""Three batches by Resend's SDK for Python: both good, one of two not allowed (strict), the same (permissive)."""

import json
import sys

import resend

resend.api_key = sys.argv[2]


def mail(to):
    return {"from": "f@example.test", "to": [to], "subject": "batch", "text": f"to {to}"}


GOOD = [mail("a@example.test"), mail("b@example.test")]
MIXED = [mail("a@example.test"), mail("x@elsewhere.test")]
for mails, options in [(GOOD, None), (MIXED, {"batch_validation": "strict"}), (MIXED, {"batch_validation": "permissive"})]:
    try:
        answer = resend.Batch.send(mails, options=options)
        errors = answer.get("errors") or []
        print(json.dumps({"ids": [one["id"] for one in answer["data"]], "error": errors[0]["message"] if errors else None}))
    except resend.exceptions.ResendError as error:
        print(json.dumps({"ids": [], "error": error.message}))
