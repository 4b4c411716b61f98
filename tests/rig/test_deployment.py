"""Preparing a real server: templates, and room for the shards to come."""

from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from tocsin.pipelines.connectors import deployment
from tocsin.pipelines.connectors.elasticsearch import open_client

pytestmark = [pytest.mark.services, pytest.mark.slow]

TEMPLATE = {
    "index_patterns": ["required-*"],
    "priority": 200,
    "template": {"mappings": {"dynamic": False, "properties": {"n": {"type": "long"}}}},
}


@pytest.fixture
def client(elasticsearch) -> Iterator[Elasticsearch]:
    with open_client([elasticsearch.address]) as client:
        yield client


def test_templates_are_required_as_they_were_deployed(client: Elasticsearch) -> None:
    """Missing, then there, then of another version: each is told with what to do."""
    with pytest.raises(
        deployment.DeploymentError, match="required-a is missing: run `tocsin deploy"
    ):
        deployment.require(client, {"required-a": TEMPLATE})

    assert list(deployment.deploy(client, {"required-a": TEMPLATE})) == ["required-a"]
    deployment.require(client, {"required-a": TEMPLATE})
    changed = {**TEMPLATE, "priority": 201}
    with pytest.raises(deployment.DeploymentError, match="required-a is of another version"):
        deployment.require(client, {"required-a": changed})
    list(deployment.deploy(client, {"required-a": changed}))
    deployment.require(client, {"required-a": changed})

    client.indices.create(index="required-1")
    mappings = client.indices.get_mapping(index="required-1")["required-1"]["mappings"]
    assert mappings == {"dynamic": "false", "properties": {"n": {"type": "long"}}}


def test_the_shard_budget_counts_others_but_not_our_own(client: Elasticsearch) -> None:
    """Indices of Tocsin that are there already are part of what was reckoned with."""
    before = deployment.shard_budget(client)
    client.indices.create(index="somebody-elses-1")
    client.indices.create(index="tocsin-events-mail-budget-2025.01")

    after = deployment.shard_budget(client)

    assert before.limit == after.limit == 1_000
    # One primary and one replica, which a single node cannot place but counts.
    assert after.others == before.others + 2


def test_too_many_organisations_are_told_before_the_cluster_refuses(client: Elasticsearch) -> None:
    """What a year needs is compared with what is left."""
    with pytest.raises(
        deployment.DeploymentError, match="600 indices with 1 replicas need 1200 shards"
    ):
        deployment.check_budget(client, 600, replicas=1)

    assert deployment.check_budget(client, 10, replicas=1).limit == 1_000
