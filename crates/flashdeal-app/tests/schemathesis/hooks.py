"""JSON Schema cannot tell 2.0 from 2; the API can, and takes integers only as integers are written."""

import schemathesis


@schemathesis.hook
def map_body(context, body):
    return {name: whole(value) for name, value in body.items()} if isinstance(body, dict) else body


def whole(value):
    return int(value) if isinstance(value, float) and value.is_integer() else value
