"""Flows: submit jobs that wait for each other."""

import msgspec
from aiohttp import web

from jobqueue.app.flow_requests import decode_flow
from jobqueue.http.answers import json_response
from jobqueue.http.bodies import read_json
from jobqueue.http.documents import AcceptedDocument
from jobqueue.http.state import operations_of
from jobqueue.http.submitting import accepted_document, durability_of, one_key


class FlowDocument(msgspec.Struct):
    """The jobs of a flow by the names of their steps."""

    steps: dict[str, AcceptedDocument]


async def submit(request: web.Request) -> web.Response:
    """Submit a flow: 202 with the id and state of each step."""
    durability = durability_of(request)
    flow = decode_flow(await read_json(request, request.client_max_size))
    flow = msgspec.structs.replace(flow, key=one_key(request, flow.key))
    steps = await operations_of(request).flows.submit(flow, durability=durability)
    documents = {name: accepted_document(step) for name, step in steps.items()}
    return json_response(FlowDocument(documents), status=202)
