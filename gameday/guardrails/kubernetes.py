"""Find what an action of chaosk8s would hit: the cluster is asked, nothing is changed."""

from __future__ import annotations

import inspect
import math
import os
import re
from collections.abc import Callable
from typing import Any

from gameday.guardrails.touch import KUBERNETES
from gameday.places import Place

NO_CONTEXT = "in-cluster"
EVERYWHERE = "*"


def find(
    function: Callable[..., Any],
    arguments: dict[str, Any],
    configuration: dict[str, Any],
    secrets: dict[str, Any],
    may_be_asked: Callable[[Place], bool] = lambda place: True,
) -> dict[str, Any]:
    """Places, targets, hit and found, as a `Touch` has them. Errors are those of the Kubernetes client.

    may_be_asked: whether the cluster may be; when it may not, the place is all that is known.
    """
    given = inspect.signature(function).bind(**arguments)
    given.apply_defaults()
    known = given.arguments
    namespace = known.get("ns") or known.get("namespace")
    place = Place(KUBERNETES, context_of(secrets), str(namespace or EVERYWHERE))
    if not may_be_asked(place):
        return {"places": (place,), "unknown": "it is not asked where nothing may be touched"}
    name = known.get("name") or known.get("node_name")
    if "label_selector" not in known or (name and not known["label_selector"]):
        return {"places": (place,), "targets": (str(name or function.__name__),), "hit": 1}
    found = _names(function.__module__, known, str(namespace or "default"), secrets)
    if pattern := known.get("name_pattern"):
        found = [name for name in found if re.search(str(pattern), name)]
    return {"places": (place,), "targets": tuple(found), "hit": _hit(known, len(found)), "found": len(found)}


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
