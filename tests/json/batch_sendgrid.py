"""Two requests with two personalizations each by SendGrid's SDK for Python: both good, and one not allowed."""

import json
import sys

from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail, To

client = SendGridAPIClient(api_key=sys.argv[2], host=sys.argv[1])

for people in [("a@example.test", "b@example.test"), ("a@example.test", "x@elsewhere.test")]:
    to = [To(one, subject=f"to {one}") for one in people]
    mail = Mail(from_email="f@example.test", to_emails=to, subject="batch", plain_text_content="t", is_multiple=True)
    try:
        print(json.dumps({"ids": client.send(mail).headers["X-Message-Id"].split(", "), "error": None}))
    except HTTPError as error:
        print(json.dumps({"ids": [], "error": error.to_dict["errors"][0]["message"]}))
