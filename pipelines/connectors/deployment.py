"""Elasticsearch made ready: templates put, their presence required, the shard budget reckoned.

Without its template an index would be made by the first document, with guessed types that no
later document can change.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from elasticsearch import Elasticsearch, NotFoundError

from tocsin.schemas.identity import digest

OURS = "tocsin-*"
MONTHS = 13
"""Months of indices that the budget reckons with: a year, and the month that has begun."""

_DIGEST = "tocsin_digest"


class DeploymentError(RuntimeError):
    """A cluster that is not ready for what Tocsin writes; the text says what to do."""


@dataclass(frozen=True, slots=True)
class ShardBudget:
    """Shards that the cluster takes in all, and those of others' indices."""

    limit: int
    others: int

    @property
    def free(self) -> int:
        """What is left for Tocsin's indices, those that are there included."""
        return max(self.limit - self.others, 0)


def deploy(client: Elasticsearch, templates: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Put each of the index `templates`, by name, and yield the name when it is there.

    Raises `elasticsearch.ApiError` where the cluster refuses one.
    """
    for name, body in templates.items():
        meta = {**body.get("_meta", {}), _DIGEST: _digest(body)}
        client.indices.put_index_template(name=name, **{**body, "_meta": meta}, create=False)
        yield name


def require(client: Elasticsearch, templates: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise DeploymentError unless each of `templates` is there as `deploy` puts it."""
    wrong = []
    for name, body in templates.items():
        try:
            found = client.indices.get_index_template(name=name)["index_templates"]
        except NotFoundError:
            wrong.append(f"{name} is missing")
            continue
        deployed = found[0]["index_template"].get("_meta", {}).get(_DIGEST)
        if deployed != _digest(body):
            wrong.append(f"{name} is of another version")
    if wrong:
        raise DeploymentError(f"{'; '.join(wrong)}: run `tocsin deploy elasticsearch`")


def expected_indices(streams: Collection[tuple[str, str]], months: int = MONTHS) -> int:
    """How many indices `streams`, pairs of source group and organisation, fill in `months`.

    One a month for each pair's events and each organisation's alerts, one each for times outside
    belief, and the dead letters' (DELIVERY §2).
    """
    organizations = {organization for _, organization in streams}
    return (len(set(streams)) + len(organizations)) * (months + 1) + 1


def shard_budget(client: Elasticsearch) -> ShardBudget:
    """What the cluster's limit of shards leaves to Tocsin."""
    path = "*.cluster.max_shards_per_node"
    levels = client.cluster.get_settings(include_defaults=True, filter_path=path).body
    limits = [
        int(levels[level]["cluster"]["max_shards_per_node"])
        for level in ("transient", "persistent", "defaults")
        if level in levels
    ]
    health = client.cluster.health()
    ours = client.cluster.health(index=OURS)
    others = _shards(health.body) - _shards(ours.body)
    return ShardBudget(limits[0] * health["number_of_data_nodes"], others)


def check_budget(client: Elasticsearch, indices: int, replicas: int) -> ShardBudget:
    """The budget; raises DeploymentError where `indices` of one shard do not fit into it.

    A cluster at its limit refuses the first document of each new month.
    """
    budget = shard_budget(client)
    needed = indices * (1 + replicas)
    if needed > budget.free:
        raise DeploymentError(
            f"{indices} indices with {replicas} replicas need {needed} shards, "
            f"the cluster has {budget.free} of {budget.limit} left: "
            "raise cluster.max_shards_per_node, add data nodes, or take fewer organisations"
        )
    return budget


def _shards(health: Mapping[str, Any]) -> int:
    return sum(health[f"{state}_shards"] for state in ("active", "initializing", "unassigned"))


def _digest(body: Mapping[str, Any]) -> str:
    return digest(orjson.dumps(body, option=orjson.OPT_SORT_KEYS))
