"""Verifies every DKIM-Signature of the message on stdin with the public key (base64) in argv[1]; prints how many there are, or why one fails."""
import sys

import dkim

message = sys.stdin.buffer.read()
record = b"v=DKIM1; k=rsa; p=" + sys.argv[1].encode()
verifier = dkim.DKIM(message)
count = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")
for index in range(count):
    if not verifier.verify(idx=index, dnsfunc=lambda name, timeout=5: record):
        sys.exit("signature %d does not hold" % index)
print(count)
