"""A Helm chart that says what the manifests say where nothing is chosen. Pure.

Its templates are the manifests with a question at each hole. Only what people differ in is a value; what follows from
the config (probes, mounts, rights) is written out, and is written anew from the config.
"""

from __future__ import annotations

from typing import Any

from penstock.deploy.facts import Facts
from penstock.deploy.kubernetes.manifests import before, documents
from penstock.deploy.kubernetes.terms import Terms
from penstock.deploy.tree import Document, dump, filled, holes_of, template_of

WORDS = {
    "affinity": "Of the pods.",
    "autoscaling": "How many gateways at least and at most; cpu is the share (%) of what they ask for.",
    "config": "The config, in Penstock's own language. Running pods take a change within minutes.",
    "disruptionBudget": "How many may be taken away on purpose at a time.",
    "headless": "A second service that tells each pod's address.",
    "image": "What runs.",
    "networkPolicy": "from: who may call, as in a NetworkPolicy, and keda: who may ask as KEDA does; empty: everybody.",
    "nodeSelector": "Of the pods.",
    "persistence": "The volume of the store.",
    "podAnnotations": "Of the pods.",
    "priorityClassName": "Of the pods.",
    "replicas": "How many gateways.",
    "resources": "Of the container. No limit of CPU: it would only make calls slower.",
    "service": "How it is reached.",
    "serviceAccount": "Annotations, such as those that lend it a cloud's role.",
    "serviceMonitor": "For the Prometheus operator.",
    "tolerations": "Of the pods.",
}
"""What stands above each value."""


def chart(facts: Facts, terms: Terms, version: str) -> dict[str, str]:
    """The chart's files by their paths. ``version``: Penstock's own. Raises ValueError."""
    found = documents(facts, terms)
    files = {
        "Chart.yaml": dump(
            {
                "apiVersion": "v2",
                "name": "penstock",
                "description": "An LLM gateway. Written by `penstock deploy kubernetes --helm`.",
                "type": "application",
                "version": version,
                "appVersion": version,
                "kubeVersion": ">=1.27.0-0",
            }
        ),
        "values.yaml": _values(found, terms),
        "templates/NOTES.txt": _notes(facts, terms),
    }
    return files | {f"templates/{one.file}.yaml": template_of(one) for one in found}


def _values(found: list[Document], terms: Terms) -> str:
    values: dict[str, Any] = {"image": {"repository": terms.image, "tag": terms.tag}}
    for document in found:
        holes = [*holes_of(document.tree), *([document.when] if document.when is not None else [])]
        for hole in holes:
            if not hole.path:
                continue
            at = values
            *above, last = hole.path.split(".")
            for step in above:
                at = at.setdefault(step, {})
            if last in at and at[last] != filled(hole.value):
                raise ValueError(f"the chart's value {hole.path} would have two defaults")
            at[last] = filled(hole.value)
    return "\n".join(f"# {WORDS[key]}\n{dump({key: values[key]})}" for key in sorted(values))


def _notes(facts: Facts, terms: Terms) -> str:
    lines = [
        line.replace(f"-n {terms.namespace} ", "-n {{ .Release.Namespace }} ").replace(
            f" {terms.name}-", " {{ .Release.Name }}-"
        )
        for line in before(facts, terms)
        if "{{" not in line
    ]
    reach = (
        f"Penstock answers at {'https' if facts.tls else 'http'}://{{{{ .Release.Name }}}}.{{{{ .Release.Namespace }}}}"
        ".svc:{{ .Values.service.port }} once these are there:"
    )
    return "\n".join([reach, "", *(f"  {line}" for line in lines), ""])
