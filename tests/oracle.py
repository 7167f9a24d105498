#!/usr/bin/env python3
"""Reads messages with Python's email package, independently of mod_sendmail: a file name a line on stdin, a line of JSON on stdout."""

import base64
import email
import email.header
import email.policy
import email.utils
import json
import re
import sys

SINGLETONS = {
    "bcc", "cc", "content-description", "content-disposition", "content-id", "content-transfer-encoding", "content-type", "date", "from",
    "in-reply-to", "message-id", "mime-version", "references", "reply-to", "sender", "subject", "to",
}


def text(value):
    """JSON has no lone surrogates; an octet that was not ASCII shows as \\udcXX in words."""
    return None if value is None else str(value).encode("utf-8", "backslashreplace").decode("utf-8")


# RFC 2047, 6.2: white space between two encoded words is none. In names, email.headerregistry of Python 3.11 leaves it there.
SPLIT_WORD = re.compile(r"\?=\s+=\?")


def mailbox(address):
    return {"name": text(address.display_name), "address": text(address.addr_spec)}


def joined_names(raw):
    """The names by the other parser of the package, which joins encoded words as it should."""
    pairs = email.utils.getaddresses(["".join(raw.splitlines())])
    return {address: text(str(email.header.make_header(email.header.decode_header(name)))) for name, address in pairs}


def addresses(message):
    found = {}
    raw_values = [value for _, value in message.raw_items()]
    for (name, value), raw in zip(message.items(), raw_values):
        if hasattr(value, "addresses"):
            entry = found.setdefault(name.lower(), {"mailboxes": [], "groups": []})
            entry["mailboxes"] += [mailbox(address) for address in value.addresses]
            if SPLIT_WORD.search(raw):
                names = joined_names(raw)
                for box in entry["mailboxes"]:
                    box["name"] = names.get(box["address"], box["name"])
            entry["groups"] += [
                {"name": text(group.display_name), "members": [mailbox(address) for address in group.addresses]}
                for group in value.groups
                if group.display_name is not None
            ]
    return found


def leaves(part):
    """The parts that hold octets, in order; a message inside counts as its own parts."""
    if part.is_multipart():
        for inner in part.get_payload():
            yield from leaves(inner)
    else:
        yield {
            "content_type": part.get_content_type(),
            "charset": part.get_content_charset(),
            "disposition": part.get_content_disposition(),
            "filename": text(part.get_filename()),
            "subject": text(part["subject"]),
            "body": base64.b64encode(part.get_payload(decode=True) or b"").decode(),
            "defects": [type(defect).__name__ for defect in part.defects],
        }


def defects(message):
    of_fields = ((name, defect) for name, value in message.items() for defect in getattr(value, "defects", ()))
    of_message = (("message", defect) for defect in message.defects)
    return [f"{name}: {type(defect).__name__}: {defect}" for name, defect in (*of_message, *of_fields)]


def wire(octets):
    head, _, body = octets.partition(b"\n\n")
    names = [name.lower() for name in re.findall(rb"^([!-9;-~]+):", head, re.M)]
    return {
        "octets": len(octets),
        "has_cr": b"\r" in octets,
        "has_nul": b"\0" in octets,
        "longest_line": max(map(len, octets.split(b"\n"))),
        "longest_header_line": max(map(len, head.split(b"\n"))),
        "header_octets": len(head),
        "header_is_printable_ascii": re.fullmatch(rb"[\t\n -~]*", head) is not None,
        "header_is_well_formed": all(re.match(rb"[!-9;-~]+:|[ \t]+[^ \t]", line) for line in head.split(b"\n")),
        "duplicates": sorted(name.decode() for name in set(names) if names.count(name) > 1 and name.decode() in SINGLETONS),
        "body_is_8bit": any(byte > 127 for byte in body),
        "ends_with_newline": octets.endswith(b"\n"),
    }


def read(octets):
    message = email.message_from_bytes(octets, policy=email.policy.default)
    date = message["date"]
    return {
        "fields": [[name, text(value)] for name, value in message.items()],
        "raw": [[name, text(value)] for name, value in message.raw_items()],
        "addresses": addresses(message),
        "subject": text(message["subject"]),
        "message_id": text(message["message-id"]),
        "date": date.datetime.isoformat() if date is not None and date.datetime else None,
        "content_type": message.get_content_type(),
        "charset": message.get_content_charset(),
        "encoding": text(message["content-transfer-encoding"]),
        "multipart": message.is_multipart(),
        "parts": list(leaves(message)),
        "defects": defects(message),
        "wire": wire(octets),
    }


for line in sys.stdin:
    try:
        with open(line.rstrip("\n"), "rb") as file:
            answer = read(file.read())
    except Exception as error:  # the reader goes on with the next file; the test fails with these words
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
