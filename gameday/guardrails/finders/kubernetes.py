"""Find what an action of chaosk8s would hit: the cluster is asked, nothing is changed."""

from __future__ import annotations

import inspect
import math
import os
import re
from typing import Any

from gameday.guardrails.finders import Asked
from gameday.places import Aim, Place
from gameday.scopes import KUBERNETES

NO_CONTEXT = "in-cluster"
EVERYWHERE = "*"


def where(asked: Asked) -> Place:
    """The cluster by its context, and the namespace."""
    return Place(KUBERNETES, context_of(asked.secrets), str(_namespace(asked) or EVERYWHERE))


def aim(asked: Asked, where: tuple[Place, ...]) -> Aim:
    """What the cluster says that is there. Errors are those of the Kubernetes client."""
    known = _given(asked)
    name = known.get("name") or known.get("node_name")
    if "label_selector" not in known or (name and not known["label_selector"]):
        return Aim(where, (str(name or asked.function.__name__),))
    found = _names(asked.function.__module__, known, str(_namespace(asked) or "default"), asked.secrets)
    if pattern := known.get("name_pattern"):
        found = [name for name in found if re.search(str(pattern), name)]
    return Aim(where, tuple(found), found=len(found), hit=_hit(known, len(found)))


def _given(asked: Asked) -> dict[str, Any]:
    given = inspect.signature(asked.function).bind(**asked.arguments)
    given.apply_defaults()
    return dict(given.arguments)


def _namespace(asked: Asked) -> Any:
    known = _given(asked)
    return known.get("ns") or known.get("namespace")


def context_of(secrets: dict[str, Any]) -> str:
    """The kubeconfig's context that chaosk8s would use; without a kubeconfig the address of the cluster."""
    from chaosk8s import get_config_path, has_local_config_file
    from kubernetes import config

    path = get_config_path()
    if has_local_config_file(path):
        chosen = secrets.get("KUBERNETES_CONTEXT", os.environ.get("KUBERNETES_CONTEXT"))
        return str(chosen or config.list_kube_config_contexts(path)[1]["name"])
    if os.environ.get("CHAOSTOOLKIT_IN_POD") == "true":
        return NO_CONTEXT
    return str(secrets.get("KUBERNETES_HOST", os.environ.get("KUBERNETES_HOST")) or NO_CONTEXT)


def _names(module: str, known: dict[str, Any], namespace: str, secrets: dict[str, Any]) -> list[str]:
    """The objects that the selector finds: nodes for node actions, pods otherwise."""
    from chaosk8s import create_k8s_api_client
    from kubernetes import client

    api = client.CoreV1Api(create_k8s_api_client(secrets))
    selector = {"label_selector": known["label_selector"]} if known["label_selector"] else {}
    if ".node." in module:
        listed = api.list_node(**selector, _request_timeout=10)
    else:
        listed = api.list_namespaced_pod(namespace, **selector, _request_timeout=10)
    return sorted(item.metadata.name for item in listed.items)


def _hit(known: dict[str, Any], found: int) -> int:
    """How many of those found the action takes, by the arguments that chaosk8s has for that."""
    if known.get("all") or not {"qty", "count"} & set(known):
        return found
    wanted = known.get("qty", known.get("count")) or 1
    if known.get("mode") == "percentage":
        wanted = math.ceil(int(wanted) * found / 100)
    return min(int(wanted), found)
