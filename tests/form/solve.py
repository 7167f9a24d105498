"""As solve.mjs, with the library for Python."""

import datetime
import json
import sys
import urllib.request

from altcha import v1

url, secret = sys.argv[1:]


def solution(challenge):
    found = v1.solve_challenge(challenge["challenge"], challenge["salt"], challenge["algorithm"], challenge["maxnumber"])
    names = ("algorithm", "challenge", "salt", "signature")
    return v1.Payload(number=found.number, **{name: challenge[name] for name in names}).to_base64()


def made(**more):
    challenge = v1.create_challenge(v1.ChallengeOptions(hmac_key=secret, max_number=1000, **more)).to_dict()
    return solution({**challenge, "maxnumber": challenge["maxNumber"]})


opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
ours = solution(json.load(opener.open(url)))
now = datetime.datetime.now()
verified, error = v1.verify_solution(ours, secret)
print(json.dumps({
    "ours": ours,
    "verified": verified,
    "theirs": made(expires=now + datetime.timedelta(minutes=10)),
    "stale": made(expires=now - datetime.timedelta(seconds=5)),
    "endless": made(),
}))
