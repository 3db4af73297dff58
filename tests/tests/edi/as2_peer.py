"""A trading partner with AS2 by pyas2lib: takes messages and receipts by HTTP, and sends files when it is told to.

as2_peer.py SETTINGS FOLDER

Prints its port. What is posted to it is written to FOLDER (in-N: a payload, with the Message-ID in in-N.id; receipt-N: a receipt's
status). Commands come as JSON lines on standard input, answers as JSON lines on standard output; bytes travel in base64.
"""

import base64
import json
import logging
import pathlib
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pyas2lib import Mdn, Message, Organization, Partner

logging.disable(logging.CRITICAL)
settings = json.loads(pathlib.Path(sys.argv[1]).read_text())
folder = pathlib.Path(sys.argv[2])
lock = threading.Lock()
built, wires, seen, counts = {}, {}, set(), {}
# How a message is answered: ok, drop (the connection, once it is taken), unavailable, error (once: trouble of its own), distrust (the
# sender's signature), wrong-mic (something else arrived), late (receipts wait for the word).
mode = {"now": "ok"}
late = []


def bytes_of(content):
    return content.encode("latin-1") if isinstance(content, str) else content


def organization(key=None):
    key = pathlib.Path(key or settings["key"]).read_bytes()
    return Organization(
        as2_name=settings["own_name"], sign_key=key, decrypt_key=key, domain="peer.example", mdn_url=settings.get("mdn_url")
    )


def partner(**changes):
    name = "stranger_certificate" if mode["now"] == "distrust" else "partner_certificate"
    certificate = pathlib.Path(settings[name]).read_bytes()
    agreed = {"sign": True, "encrypt": True, "enc_alg": "aes_256_cbc", "mdn_mode": "SYNC", "mdn_digest_alg": "sha256"}
    agreed.update(changes)
    return Partner(as2_name=settings["partner_name"], verify_cert=certificate, encrypt_cert=certificate, **agreed)


def write(kind, content, **more):
    with lock:
        number = counts[kind] = counts.get(kind, 0) + 1
    for suffix, text in more.items():
        (folder / f"{kind}-{number}.{suffix}").write_text(text)
    part = folder / f".{kind}-{number}"
    part.write_bytes(content)
    part.rename(folder / f"{kind}-{number}")


def post(url, headers, body):
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")
    # No proxy for loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, list(answer.headers.items()), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, list(error.headers.items()), error.read()
    except OSError as error:
        return 0, [], str(error).encode()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value.replace("\r\n", "").replace("\n", ""))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        raw = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items()).encode() + b"\r\n" + body
        if b"disposition-notification" in body.lower() and not self.headers.get("Disposition-Notification-To"):
            status, detail = Mdn().parse(raw, lambda message_id, _: built.get(message_id))
            write("receipt", json.dumps({"status": status, "detail": detail}).encode(), raw=base64.b64encode(raw).decode())
            return self.answer(200)
        message = Message()
        status, (fault, _), mdn = message.parse(
            raw, find_org_cb=lambda _: organization(), find_partner_cb=lambda _: partner(), find_message_cb=lambda id, _: id in seen
        )
        if status == "processed":
            seen.add(message.message_id)
            write("in", bytes_of(message.content), id=message.message_id)
        else:
            write("fault", str(fault).encode(), id=str(message.message_id))
        if mode["now"] == "drop":
            mode["now"] = "ok"
            return self.connection.close()
        if mode["now"] == "unavailable":
            return self.answer(503, body=b"maintenance")
        if mode["now"] == "error":
            mdn = Mdn(mdn_mode="SYNC")
            mdn.build(message, status="processed/error", detailed_status="unexpected-processing-error")
            mode["now"] = "ok"
        if mode["now"] == "wrong-mic" and mdn:
            message.mic = base64.b64encode(b"x" * 32)
            mdn = Mdn(mdn_mode="SYNC")
            mdn.build(message, status="processed")
        if not mdn:
            return self.answer(200)
        if mdn.mdn_mode == "ASYNC":
            self.answer(200)
            send = lambda: post(mdn.mdn_url, mdn.headers.items(), bytes_of(mdn.content))
            return late.append(send) if mode["now"] == "late" else threading.Thread(target=send).start()
        return self.answer(200, mdn.headers.items(), bytes_of(mdn.content))


def send(job):
    if job["id"] not in wires or job.get("anew"):
        message = Message(organization(job.get("key")), partner(**job.get("agreed", {})))
        message.build(
            base64.b64decode(job["payload"]), filename="order.edi", content_type="application/edi-consent", message_id=job["id"]
        )
        built[message.message_id] = message
        wires[job["id"]] = (message.message_id, list(message.headers.items()), bytes_of(message.content))
    message_id, headers, body = wires[job["id"]]
    if "flip" in job:
        at = job["flip"] % len(body)
        body = body[:at] + bytes([body[at] ^ 0x20]) + body[at + 1:]
    headers = [(name, job.get("headers", {}).get(name, value)) for name, value in headers]
    status, answer_headers, answer = post(settings["url"], headers, body)
    given = {"http": status, "body": base64.b64encode(answer).decode(), "status": None, "detail": None}
    if answer and b"disposition-notification" in answer.lower():
        raw = "".join(f"{name}: {value}\r\n" for name, value in answer_headers).encode() + b"\r\n" + answer
        given["status"], given["detail"] = Mdn().parse(raw, lambda id, _: built.get(id))
    return given


def command(job):
    if job["do"] == "send":
        return send(job)
    if job["do"] == "mode":
        mode["now"] = job["mode"]
        return {}
    if job["do"] == "late":
        for one in late:
            one()
        late.clear()
        return {}
    raise ValueError(job["do"])


server = ThreadingHTTPServer(("127.0.0.1", settings.get("port", 0)), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"port": server.server_address[1]}), flush=True)
for line in sys.stdin:
    try:
        given = command(json.loads(line))
    except Exception as error:  # The test shows it.
        given = {"error": repr(error)}
    print(json.dumps(given), flush=True)
