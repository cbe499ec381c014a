"""What JSON Schema cannot say about a request: requests made up against it are dropped."""

import schemathesis


def _in_order(sampler):
    for stage in (sampler or {}).values():
        interval = stage.get("cfg_interval") if isinstance(stage, dict) else None
        if isinstance(interval, list) and len(interval) == 2 and interval[0] > interval[1]:
            return False
    return True


@schemathesis.hook
def filter_body(context, body):
    """`cfg_interval` is [from, to] with from <= to; `tags` are at most 50."""
    if not isinstance(body, dict) or not isinstance(body.get("sampler", {}), dict):
        return True
    return _in_order(body.get("sampler")) and len(body.get("tags") or {}) <= 50
