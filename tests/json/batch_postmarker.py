"""Two batches by postmarker: both good, and one of two not allowed."""

import json
import sys

from postmarker.core import PostmarkClient

client = PostmarkClient(server_token=sys.argv[2], root_api_url=sys.argv[1])


def mail(to):
    return {"From": "f@example.test", "To": to, "Subject": "batch", "TextBody": f"to {to}"}


for batch in [(mail("a@example.test"), mail("b@example.test")), (mail("a@example.test"), mail("x@elsewhere.test"))]:
    results = client.emails.send_batch(*batch)
    refused = [result["Message"] for result in results if result["ErrorCode"]]
    ids = [result["MessageID"] for result in results if not result["ErrorCode"]]
    print(json.dumps({"ids": ids, "error": refused[0] if refused else None}))
