"""The other side of an AS2 exchange: pyas2lib, driven by JSON lines on standard input. Bytes travel in base64.

{"do": "build", ...}    makes a message: gives its header fields, its body and its MIC
{"do": "parse", ...}    takes a message: gives what was in it and the receipt
{"do": "receipt", ...}  takes the receipt for a message that was built here before
"""

import base64
import json
import logging
import sys

from pyas2lib import Mdn, Message, Organization, Partner

logging.disable(logging.CRITICAL)
built = {}


def encoded(content):
    content = content.encode("latin-1") if isinstance(content, str) else content
    return base64.b64encode(content).decode()


def organization(job):
    key = job["key"].encode()
    return Organization(as2_name=job["own_name"], sign_key=key, decrypt_key=key, domain="peer.example", mdn_url=job.get("mdn_url"))


def partner(job):
    certificate = job["certificate"].encode()
    return Partner(as2_name=job["partner_name"], verify_cert=certificate, encrypt_cert=certificate, **job["settings"])


def raw(job):
    head = "".join(f"{name}: {value}\r\n" for name, value in job["headers"])
    return head.encode("utf-8") + b"\r\n" + base64.b64decode(job["body"])


def build(job):
    message = Message(organization(job), partner(job))
    message.build(
        base64.b64decode(job["payload"]),
        filename=job["filename"],
        content_type=job["content_type"],
        message_id=job["id"],
    )
    built[message.message_id] = message
    return {
        "headers": list(message.headers.items()),
        "body": encoded(message.content),
        "message_id": message.message_id,
        "mic": message.mic and message.mic.decode(),
    }


def parse(job):
    message = Message()
    status, (exception, _), mdn = message.parse(
        raw(job), find_org_cb=lambda _: organization(job), find_partner_cb=lambda _: partner(job)
    )
    return {
        "status": status,
        "fault": str(exception) if exception else None,
        "payload": encoded(message.content),
        "mic": message.mic and message.mic.decode(),
        "digest": message.digest_alg,
        "layers": [message.signed, message.encrypted, message.compressed],
        "filename": message.payload.get_filename(),
        "receipt": mdn and {"headers": list(mdn.headers.items()), "body": encoded(mdn.content), "url": mdn.mdn_url},
    }


def receipt(job):
    status, detail = Mdn().parse(raw(job), lambda message_id, _: built.get(message_id))
    return {"status": status, "detail": detail}


for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"build": build, "parse": parse, "receipt": receipt}[request["do"]](request)
    except Exception as error:  # the test shows it
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
