"""S3, SQS, SNS and EventBridge on one free loopback port, by moto, for tests and benchmarks.

Four things are added to moto's own server:

* Requests to S3 are served one at a time. Moto checks `If-Match` and `If-None-Match` and then writes, from as many
  threads as there are requests, with no lock between the two: S3 promises that check and write are one step. And
  it closes an object's buffer when the object is replaced, under the hands of whoever is just reading it.
* A message is deleted under its queue's lock. Moto copies the list of messages without the deleted one and puts the
  copy in its place: what another thread adds meanwhile would be lost, what it deletes would come back.
* A look at a queue asks the clock once, not once per message; and each receive looks four times. With 5,000 messages
  waiting a receive held the interpreter for 450 ms, and every other request with it; now for 3 ms.
* Requests are counted by operation, `GET /espalier/counts`, so that a benchmark can say what a job costs.

Prints one line of JSON, {"port": N}, when it listens, and ends when its standard input does: it cannot outlive
whoever started it.
"""

import collections
import io
import json
import logging
import os
import sys
import threading
import urllib.parse

from moto.core.utils import unix_time_millis
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sqs.models import Queue
from werkzeug.serving import WSGIRequestHandler, make_server


class QuietHandler(WSGIRequestHandler):
    def log_request(self, *_args):
        pass


def service_of(environ):
    """The service in the signature's scope: Credential=key/date/region/SERVICE/aws4_request."""
    scope = environ.get("HTTP_AUTHORIZATION", "").split("Credential=")[-1].split(",")[0].split("/")
    return scope[3] if len(scope) > 3 else "s3"


def operation_of(environ, service):
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return f"{service} {target.split('.')[-1]}"
    method = environ["REQUEST_METHOD"]
    if service != "s3":
        return f"{service} {method}"
    bucket_only = environ.get("PATH_INFO", "/").strip("/").count("/") == 0
    query = urllib.parse.parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    if bucket_only and method == "GET":
        return "s3 LIST"
    if "uploads" in query or "uploadId" in query:
        return f"s3 multipart {method}"
    return f"s3 {method}"


class Server:
    def __init__(self):
        self.inner = DomainDispatcherApplication(create_backend_app)
        self.s3 = threading.Lock()
        self.counting = threading.Lock()
        self.counts = collections.Counter()

    def __call__(self, environ, start_response):
        if environ.get("PATH_INFO") == "/espalier/counts":
            with self.counting:
                body = json.dumps(dict(self.counts)).encode()
            start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
            return [body]
        service = service_of(environ)
        with self.counting:
            self.counts[operation_of(environ, service)] += 1
        if service != "s3":
            return self.inner(environ, start_response)
        # The body first: a slow sender must not hold the lock.
        length = environ.get("CONTENT_LENGTH")
        if length:
            environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(length)))
        with self.s3:
            return list(self.inner(environ, start_response))


def visible_messages(queue):
    now = unix_time_millis()
    return [message for message in queue._messages if message.visible_at < now and message.delayed_until <= now]


def count_delayed(queue):
    now = unix_time_millis()
    return sum(message.delayed_until > now for message in queue._messages)


def count_hidden(queue):
    now = unix_time_millis()
    return sum(message.visible_at >= now for message in queue._messages)


def delete_under_lock(queue, receipt_handle, delete=Queue.delete_message):
    with queue._messages_lock:
        delete(queue, receipt_handle)


def end_with_input():
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    Queue.messages = property(visible_messages)
    Queue.approximate_number_of_messages_delayed = property(count_delayed)
    Queue.approximate_number_of_messages_not_visible = property(count_hidden)
    Queue.delete_message = delete_under_lock
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, Server(), threaded=True, request_handler=QuietHandler)
    # Without this werkzeug speaks HTTP/1.0, one connection per request.
    QuietHandler.protocol_version = "HTTP/1.1"
    print(json.dumps({"port": server.server_port}), flush=True)
    threading.Thread(target=end_with_input, daemon=True).start()
    server.serve_forever()
