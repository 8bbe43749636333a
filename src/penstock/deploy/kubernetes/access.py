"""Who the pods are to the cluster's API, and the least that they must be allowed. Pure."""

from __future__ import annotations

from penstock.deploy.facts import Facts
from penstock.deploy.kubernetes.terms import Names, Terms
from penstock.deploy.tree import Document, Hole, Tree


def account(facts: Facts, names: Names) -> Document:
    """Their account, without a token where they do not ask the API server."""
    tree = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": names.meta(annotations=Hole("serviceAccount.annotations", {}, optional=True)),
        "automountServiceAccountToken": facts.asks_kubernetes,
    }
    return Document("serviceaccount", tree)


def roles(facts: Facts, terms: Terms, names: Names) -> list[Document]:
    """A Role a namespace: endpoints where services are watched, a scale and pods where a pool is moved; where its
    pods may be resized, the workload itself. Who may patch pods may change what any of them there runs: only where
    pods are marked."""
    rules: dict[str, list[Tree]] = {}
    for namespace in facts.watched:
        slices = {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list"]}
        rules.setdefault(_elsewhere(namespace, terms), []).append(slices)
    used: Tree = {"apiGroups": ["metrics.k8s.io"], "resources": ["pods"], "verbs": ["list"]}
    for pool in facts.pools:
        if pool.actuator != "kubernetes":
            continue
        known = rules.setdefault(_elsewhere(pool.namespace, terms), [])
        scale = {
            "apiGroups": [pool.group],
            "resources": [f"{pool.resource}/scale"],
            "resourceNames": [pool.workload],
            "verbs": ["get", "patch"],
        }
        verbs = ["get", "list", "patch"] if pool.marks else ["get", "list"]
        wanted: list[Tree] = [scale, {"apiGroups": [""], "resources": ["pods"], "verbs": verbs}]
        if pool.sized:
            wanted += [scale | {"resources": [pool.resource]}, used]
        known += [one for one in wanted if one not in known]
    return [one for namespace, found in rules.items() for one in _bound(namespace, found, names)]


def _elsewhere(namespace: str | None, terms: Terms) -> str:
    """The namespace where it is another one than the gateways'; else ""."""
    return "" if namespace in (None, terms.namespace) else str(namespace)


def _bound(namespace: str, rules: list[Tree], names: Names) -> list[Document]:
    meta = names.meta("access", **({"namespace": namespace} if namespace else {}))
    api = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": names.release, "namespace": names.namespace}
    role = {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": meta, "rules": rules}
    binding = {
        "apiVersion": f"{api}/v1",
        "kind": "RoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": api, "kind": "Role", "name": meta["name"]},
        "subjects": [subject],
    }
    suffix = f"-{namespace}" if namespace else ""
    return [Document(f"role{suffix}", role), Document(f"rolebinding{suffix}", binding)]
