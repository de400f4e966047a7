"""The tutorial's own solution, written with care: Flask, redis-py and gunicorn over the same Redis.

Two forms, each as the tutorial teaches it and as fast as it gets, chosen by the variable FORM:

hashes            one Redis hash a record, and a list of the ids that keeps their order; a command at a time
hashes-pipelined  the same, sent and fetched in pipelines, so that round trips do not count
text              the whole list as one JSON text under one key; a GET reads it and gives Flask the list to answer
text-as-is        the same, and a GET returns the text as it stands, without looking at it
"""

import gzip
import json
import os

import redis
from flask import Flask, Response, abort, jsonify, request

IDS = "meteorites"
TEXT = "meteorites:json"
BATCH = 5000  # commands in one pipeline: beyond this it only costs memory

FORM = os.environ["FORM"]

app = Flask(__name__)
app.json.sort_keys = False
app.json.ensure_ascii = False
rd = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=FORM.startswith("hashes"))


def dumps(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def key(record_id):
    return f"meteorite:{record_id}"


def batches(items):
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def records_of(body):
    """The records of a JSON list, or of an object that holds one list, as the tutorial's file does."""
    data = json.loads(body)
    if isinstance(data, dict):
        (data,) = data.values()
    return data


class Hashes:
    def delete(self):
        for record_id in rd.lrange(IDS, 0, -1):
            rd.delete(key(record_id))
        rd.delete(IDS)

    def load(self, records):
        self.delete()
        for record in records:
            rd.hset(key(record["id"]), mapping=record)
        rd.rpush(IDS, *(record["id"] for record in records))

    def everything(self):
        return jsonify([rd.hgetall(key(record_id)) for record_id in rd.lrange(IDS, 0, -1)])

    def one(self, record_id):
        return rd.hgetall(key(record_id)) or None


class PipelinedHashes(Hashes):
    def delete(self):
        for ids in batches(rd.lrange(IDS, 0, -1)):
            rd.unlink(*map(key, ids))
        rd.unlink(IDS)

    def load(self, records):
        self.delete()
        for some in batches(records):
            pipe = rd.pipeline(transaction=False)
            for record in some:
                pipe.hset(key(record["id"]), mapping=record)
            pipe.rpush(IDS, *(record["id"] for record in some))
            pipe.execute()

    def everything(self):
        records = []
        for ids in batches(rd.lrange(IDS, 0, -1)):
            pipe = rd.pipeline(transaction=False)
            for record_id in ids:
                pipe.hgetall(key(record_id))
            records += pipe.execute()
        return Response(dumps(records), mimetype="application/json")


class Text:
    def delete(self):
        rd.delete(TEXT)

    def load(self, records):
        rd.set(TEXT, dumps(records))

    def everything(self):
        return jsonify(json.loads(rd.get(TEXT) or "[]"))

    def one(self, record_id):
        for record in json.loads(rd.get(TEXT) or "[]"):
            if record["id"] == record_id:
                return record
        return None


class TextAsIs(Text):
    def everything(self):
        return Response(rd.get(TEXT) or "[]", mimetype="application/json")


@app.after_request
def compress(response):
    """As Flask-Compress does it, at gzip's usual level."""
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] and response.content_length > 500:
        response.set_data(gzip.compress(response.get_data(), 6))
        response.content_encoding = "gzip"
    return response


form = {"hashes": Hashes, "hashes-pipelined": PipelinedHashes, "text": Text, "text-as-is": TextAsIs}[FORM]()


@app.route("/data", methods=["POST"])
def load():
    records = records_of(request.get_data())
    form.load(records)
    return {"records": len(records)}


@app.route("/data", methods=["GET"])
def everything():
    return form.everything()


@app.route("/data", methods=["DELETE"])
def delete():
    form.delete()
    return {}


@app.route("/data/<record_id>", methods=["GET"])
def one(record_id):
    record = form.one(record_id)
    if record is None:
        abort(404)
    return jsonify(record)


@app.route("/get-keys", methods=["GET"])
def get_keys():
    keys = (k if isinstance(k, str) else k.decode("utf-8", "replace") for k in rd.scan_iter(count=1000))
    return jsonify(list(keys))
