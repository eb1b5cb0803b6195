"""Does what `serve run config.yaml` does, without a dashboard and without an agent that sets up environments."""

import signal
import threading

import ray
import yaml
from ray import serve
from ray.serve._private.constants import SERVE_NAMESPACE
from ray.serve.context import _get_global_client
from ray.serve.schema import ServeDeploySchema

with open("config.yaml") as file:
    config = yaml.safe_load(file)
ray.init(include_dashboard=False, num_cpus=8, object_store_memory=80 * 2**20, namespace=SERVE_NAMESPACE)
serve.start(http_options=config.pop("http_options"))
_get_global_client().deploy_apps(ServeDeploySchema.model_validate(config), _blocking=True)
print("All is deployed", flush=True)

ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())
ended.wait()
ray.shutdown()
