"""RunPod's own PyPI client against the gateway: python_client.py BASE KEY"""

import base64
import sys
import traceback

import runpod

base, key = sys.argv[1:3]
runpod.endpoint_url_base = f"{base}/v2"
runpod.api_key = key
INPUT = {"prompt": "A small wooden box", "seed": 42}
results = {"passed": 0, "failed": 0}


def check(name):
    def run(work):
        try:
            work(runpod.Endpoint("any-endpoint"))
            results["passed"] += 1
            print(f"ok      runpod: {name}")
        except Exception:
            results["failed"] += 1
            print(f"FAILED: runpod: {name}")
            traceback.print_exc(file=sys.stdout)

    return run


@check("run, status, output")
def _(endpoint):
    job = endpoint.run({"input": INPUT})
    output = job.output(timeout=60)
    assert job.status() == "COMPLETED", job.status()
    assert base64.b64decode(output["glb_base64"])[:4] == b"glTF"
    assert output["seed_used"] == 42 and output["vertex_count"] == 24


@check("run with the bare input, which the client wraps")
def _(endpoint):
    assert endpoint.run(dict(INPUT)).output(timeout=60)["face_count"] == 12


@check("run_sync")
def _(endpoint):
    assert endpoint.run_sync({"input": INPUT}, timeout=60)["face_count"] == 12


@check("a job that fails has no output")
def _(endpoint):
    job = endpoint.run({"input": {"prompt": "this will fail"}})
    assert job.output(timeout=60) is None and job.status() == "FAILED"


@check("stream ends after the output")
def _(endpoint):
    pieces = list(endpoint.run({"input": INPUT}).stream())
    assert pieces[-1]["face_count"] == 12, pieces


@check("cancel")
def _(endpoint):
    job = endpoint.run({"input": {"prompt": "slow"}})
    assert job.cancel()["status"] == "CANCELLED"
    assert job.output(timeout=30) is None and job.status() == "CANCELLED"


@check("health and purge_queue")
def _(endpoint):
    endpoint.run({"input": {"prompt": "stay in the queue"}})
    assert endpoint.health()["jobs"]["inQueue"] >= 1
    assert endpoint.purge_queue()["removed"] >= 1


@check("a wrong key is refused in the client's own words")
def _(_endpoint):
    try:
        runpod.Endpoint("any-endpoint", api_key="wrong").run({"input": INPUT})
    except RuntimeError as error:
        assert "401" in str(error), error
    else:
        raise AssertionError("it was let in")


print(f"{results['passed']} passed, {results['failed']} failed")
sys.exit(1 if results["failed"] else 0)
