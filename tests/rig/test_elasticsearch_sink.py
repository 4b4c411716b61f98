"""The sink against a real server: pressure, faults and refusals, and nothing lost or doubled."""

import itertools
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from tocsin.pipelines.connectors import deployment
from tocsin.pipelines.connectors import elasticsearch as connector
from tocsin.pipelines.connectors.elasticsearch import Document, ElasticsearchSink
from tocsin.schemas.alerts import Alert

pytestmark = [pytest.mark.services, pytest.mark.slow]

MAPPING = {"dynamic": False, "properties": {"ip": {"type": "ip"}, "n": {"type": "long"}}}
NAMES = (f"sink-{number}" for number in itertools.count())


@pytest.fixture
def client(elasticsearch) -> Iterator[Elasticsearch]:
    with connector.open_client([elasticsearch.address]) as client:
        yield client


@pytest.fixture
def index(client: Elasticsearch) -> str:
    name = next(NAMES)
    client.indices.create(index=name, mappings=MAPPING, settings={"number_of_replicas": 0})
    return name


def document(index: str, number: int, **more: Any) -> Document:
    return Document(index, f"id-{number}", json.dumps({"n": number, **more}).encode())


def numbers(client: Elasticsearch, index: str) -> list[int]:
    """The values of `n` of all documents, sorted; a document that is there twice shows twice."""
    client.indices.refresh(index=index)
    found = client.search(index=index, size=10_000, sort=["n"], source=["n"])
    return [hit["_source"]["n"] for hit in found["hits"]["hits"]]


def test_repeats_are_stored_once(client: Elasticsearch, index: str) -> None:
    """The second time each document stands already, and the first content stays."""
    sink = ElasticsearchSink(client)
    documents = [document(index, n) for n in range(5_000)]

    first = sink.create(documents)
    second = sink.create(documents)

    assert (first.stored, first.standing, first.refused) == (5_000, 0, ())
    assert (second.stored, second.standing, second.refused) == (0, 5_000, ())
    assert numbers(client, index) == list(range(5_000))


def test_a_refused_document_harms_no_neighbour(client: Elasticsearch, index: str) -> None:
    """Bad values and ids come back with the server's reason; the rest is stored."""
    sink = ElasticsearchSink(client)
    good = [document(index, n) for n in range(3)]
    bad_value = document(index, 10, ip="not-an-ip")
    bad_number = document(index, 11, n=2**80)
    bad_json = Document(index, "broken", b'{"n": ')
    bad_id = Document(index, "x" * 513, b'{"n": 12}')
    no_id = Document(index, "", b'{"n": 13}')

    outcome = sink.create(
        [good[0], bad_value, bad_id, good[1], bad_json, bad_number, no_id, good[2]]
    )

    assert outcome.stored == 3
    reasons = {refused.document: refused.reason for refused in outcome.refused}
    assert set(reasons) == {bad_value, bad_number, bad_json, bad_id, no_id}
    assert "document_parsing_exception" in reasons[bad_value]
    assert reasons[bad_id] == "id of 513 bytes, expected 1 to 512"
    assert reasons[no_id] == "id of 0 bytes, expected 1 to 512"
    assert numbers(client, index) == [0, 1, 2]


def test_unknown_fields_are_kept_and_not_mapped(client: Elasticsearch, index: str) -> None:
    """A field that the mapping does not know is no reason to refuse, and makes no mapping."""
    outcome = ElasticsearchSink(client).create([document(index, 1, never={"seen": "before"})])

    assert outcome.stored == 1
    assert client.get(index=index, id="id-1")["_source"]["never"] == {"seen": "before"}
    assert "never" not in client.indices.get_mapping(index=index)[index]["mappings"]["properties"]


def test_a_blocked_index_holds_with_an_alarm_until_it_is_opened(
    client: Elasticsearch, index: str
) -> None:
    """A write block is nobody's fault but the operator's: nothing is refused, and all arrives."""
    client.indices.put_settings(index=index, settings={"index.blocks.write": True})
    alarms: list[str] = []

    def alarm(sentence: str) -> None:
        alarms.append(sentence)
        client.indices.put_settings(index=index, settings={"index.blocks.write": False})

    outcome = ElasticsearchSink(client, alarm=alarm).create([document(index, 1)])

    assert outcome.stored == 1
    assert len(alarms) == 1
    assert f"{index}: 403 cluster_block_exception" in alarms[0]


def test_a_closed_index_holds(client: Elasticsearch, index: str) -> None:
    """Its 400 is not about the document, which would be lost to a search after reopening."""
    client.indices.close(index=index)
    alarms: list[str] = []

    def alarm(sentence: str) -> None:
        alarms.append(sentence)
        client.indices.open(index=index)

    outcome = ElasticsearchSink(client, alarm=alarm).create([document(index, 1)])

    assert (outcome.stored, outcome.refused) == (1, ())
    assert "index_closed_exception" in alarms[0]


def test_a_missing_index_holds_where_none_is_made_by_itself(client: Elasticsearch) -> None:
    """Without templates deployed a cluster that makes no indices gets none, and loses nothing."""
    name = next(NAMES)
    client.cluster.put_settings(persistent={"action.auto_create_index": "false"})
    alarms: list[str] = []

    def alarm(sentence: str) -> None:
        alarms.append(sentence)
        client.indices.create(index=name, mappings=MAPPING)

    try:
        outcome = ElasticsearchSink(client, alarm=alarm).create([document(name, 1)])
    finally:
        client.cluster.put_settings(persistent={"action.auto_create_index": None})

    assert outcome.stored == 1
    assert f"{name}: 404 index_not_found_exception" in alarms[0]


def test_the_shard_limit_holds(client: Elasticsearch) -> None:
    """A cluster at its maximum of shards answers 400 for every document of a new month."""
    name = next(NAMES)
    client.cluster.put_settings(persistent={"cluster.max_shards_per_node": 1})
    alarms: list[str] = []

    def alarm(sentence: str) -> None:
        alarms.append(sentence)
        client.cluster.put_settings(persistent={"cluster.max_shards_per_node": None})

    outcome = ElasticsearchSink(client, alarm=alarm).create([document(name, 1)])

    assert (outcome.stored, outcome.refused) == (1, ())
    assert "validation_exception" in alarms[0]


def test_stop_ends_the_waiting(client: Elasticsearch, index: str) -> None:
    """Told to stop, a sink that holds says how much it has not written."""
    client.indices.put_settings(index=index, settings={"index.blocks.write": True})
    deadline = time.monotonic() + 1
    sink = ElasticsearchSink(client, stop=lambda: time.monotonic() > deadline)

    with pytest.raises(connector.StoppedError, match="3 documents not written"):
        sink.create([document(index, n) for n in range(3)])


def test_pressure_is_waited_out(services: ModuleType) -> None:
    """A server with next to no queue rejects much of what several sinks send; all of it arrives."""
    settings = {
        "thread_pool.write.size": "1",
        "thread_pool.write.queue_size": "2",
        "indexing_pressure.memory.limit": "1mb",
    }
    with (
        services.start_elasticsearch(settings=settings) as server,
        connector.open_client([server.address]) as client,
    ):
        shards = {"number_of_shards": 4, "number_of_replicas": 0}
        client.indices.create(index="busy", mappings=MAPPING, settings=shards)
        outcomes: list[connector.Outcome] = []

        def write(writer: int) -> None:
            sink = ElasticsearchSink(client)
            for part in range(20):
                first = (writer * 20 + part) * 50
                outcomes.append(
                    sink.create(
                        document("busy", n, pad="x" * 2_000) for n in range(first, first + 50)
                    )
                )

        writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(120)
        pool = client.nodes.stats(metric="thread_pool,indexing_pressure")
        (node,) = pool["nodes"].values()
        rejected = (
            node["thread_pool"]["write"]["rejected"]
            + node["indexing_pressure"]["memory"]["total"]["coordinating_rejections"]
            + node["indexing_pressure"]["memory"]["total"]["primary_rejections"]
        )

        assert rejected > 0
        assert sum(outcome.stored + outcome.standing for outcome in outcomes) == 8_000
        assert [refused for outcome in outcomes for refused in outcome.refused] == []
        assert numbers(client, "busy") == list(range(8_000))


def test_too_large_a_request_is_halved(services: ModuleType) -> None:
    """Of a request over the server's limit only the document that is itself over it is refused."""
    settings = {"http.max_content_length": "1mb"}
    with (
        services.start_elasticsearch(settings=settings) as server,
        connector.open_client([server.address]) as client,
    ):
        client.indices.create(index="large", mappings=MAPPING)
        documents = [document("large", n, pad="x" * 300_000) for n in range(8)]
        huge = document("large", 8, pad="x" * 2_000_000)

        outcome = ElasticsearchSink(client).create([*documents, huge])

        assert outcome.stored == 8
        assert [refused.document for refused in outcome.refused] == [huge]
        assert outcome.refused[0].reason.startswith("413")
        assert numbers(client, "large") == list(range(8))


def test_a_killed_server_loses_nothing(services: ModuleType) -> None:
    """SIGKILL in the middle of writing, started again: each document is there, once."""
    with tempfile.TemporaryDirectory(prefix="tocsin-killed-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        port = services.free_port()
        server = services.start_elasticsearch(folder, port)
        with connector.open_client([server.address]) as client:
            client.indices.create(
                index="killed", mappings=MAPPING, settings={"number_of_replicas": 0}
            )
            outcomes: list[connector.Outcome] = []
            sink = ElasticsearchSink(client)

            def write() -> None:
                for first in range(0, 9_000, 250):
                    part = [document("killed", n) for n in range(first, first + 250)]
                    outcomes.append(sink.create(part))

            writer = threading.Thread(target=write)
            writer.start()
            while len(outcomes) < 5:
                time.sleep(0.01)
            server.kill()
            written_before = len(outcomes)
            with services.start_elasticsearch(folder, port):
                writer.join(120)

                assert written_before < 36
                assert sum(outcome.stored + outcome.standing for outcome in outcomes) == 9_000
                assert numbers(client, "killed") == list(range(9_000))


def test_revisions_keep_what_analysts_set(client: Elasticsearch) -> None:
    """An alert is made, closed by an analyst, revised, loses a field, and is still closed."""
    name = next(NAMES)
    sink = ElasticsearchSink(client)
    once = {"event": {"created": "2025-11-24T00:00:00.000000Z"}, "workflow": {"status": "open"}}

    def view(count: int, **more: Any) -> list[Alert]:
        return [Alert("a", name, {"tocsin": {"count": count, **more}}, revisable=True)]

    def source() -> dict[str, Any]:
        return dict(client.get(index=name, id="a")["_source"])

    assert sink.revise(view(3, incomplete=True), 10_000_000, once).stored == 1
    client.update(index=name, id="a", doc={"workflow": {"status": "closed"}})
    again = {"event": {"created": "later"}, "workflow": {"status": "open"}}
    assert sink.revise(view(5), 20_000_000, again).stored == 1

    revised = {
        "event": {"created": "2025-11-24T00:00:00.000000Z"},
        "workflow": {"status": "closed"},
        "tocsin": {"count": 5, "watermark": "1970-01-01T00:00:20.000000Z"},
    }
    assert source() == revised
    assert sink.revise(view(4), 19_000_000, again).standing == 1
    assert sink.revise(view(9, incomplete=True), 30_000_000, again).standing == 1
    assert source() == revised


def test_writers_of_one_alert_come_to_the_latest_view(client: Elasticsearch) -> None:
    """Four writers with interleaved watermarks leave the view of the highest one."""
    name = next(NAMES)
    client.indices.create(index=name, mappings=MAPPING)
    outcomes: list[connector.Outcome] = []

    def write(writer: int) -> None:
        sink = ElasticsearchSink(client)
        for step in range(writer, 80, 4):
            alerts = [Alert("a", name, {"tocsin": {"count": step}}, revisable=True)]
            outcomes.append(sink.revise(alerts, step * 1_000_000, {"workflow": {"status": "open"}}))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    found = client.get(index=name, id="a")["_source"]
    assert found["tocsin"] == {"count": 79, "watermark": "1970-01-01T00:01:19.000000Z"}
    assert found["workflow"] == {"status": "open"}
    assert sum(outcome.stored + outcome.standing for outcome in outcomes) == 80


ROLE = Path(__file__).parents[2] / "deploy" / "compose" / "tocsin_writer.json"
PASSWORD = "tocsin-test"
PASSWORD_HASH = "$2a$10$5Y2FdP05/egIw6uZgme3w.ZAsZlZ1KE2CQXZ3hABi.m4duehmMKuy"


def test_rights_are_held_for_and_the_shipped_role_is_enough(services: ModuleType) -> None:
    """A wrong password and a foreign index hold with an alarm; the role of compose does all else."""
    with tempfile.TemporaryDirectory(prefix="tocsin-secured-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        config = folder / "config"
        config.mkdir()
        (config / "users").write_text(f"writer:{PASSWORD_HASH}\n")
        (config / "users_roles").write_text("tocsin_writer:writer\n")
        (config / "roles.yml").write_text(
            json.dumps({"tocsin_writer": json.loads(ROLE.read_text())})
        )
        settings = {"xpack.security.enabled": "true", "xpack.security.http.ssl.enabled": "false"}
        settings["xpack.security.transport.ssl.enabled"] = "false"
        with services.start_elasticsearch(folder, settings=settings) as server:
            hosts = [server.address]

            assert "401 security_exception" in held_for(
                hosts, "wrong", "tocsin-events-mail-a-2025.01"
            )
            assert "403 security_exception" in held_for(hosts, PASSWORD, "somebody-elses")
            with connector.open_client(hosts, "writer", PASSWORD) as client:
                patterns = ["tocsin-events-*", "tocsin-alerts-*", "tocsin-dead-letters"]
                template = {"index_patterns": patterns, "template": {"mappings": MAPPING}}
                assert list(deployment.deploy(client, {"tocsin": template})) == ["tocsin"]
                deployment.require(client, {"tocsin": template})
                deployment.check_budget(client, indices=100, replicas=1)
                sink = ElasticsearchSink(client)
                alerts = [Alert("a", "tocsin-alerts-a-2025.01", {"tocsin": {"count": 1}})]
                assert sink.create([document("tocsin-events-mail-a-2025.01", 1)]).stored == 1
                assert sink.create([document("tocsin-events-mail-a-2025.01", 1)]).standing == 1
                assert sink.create([document("tocsin-dead-letters", 1)]).stored == 1
                assert sink.revise(alerts, 1, {}).stored == 1
                assert sink.revise(alerts, 2, {}).stored == 1


def held_for(hosts: list[str], password: str, index: str) -> str:
    """The alarm of a sink that is told to stop once it has raised one."""
    alarms: list[str] = []
    with connector.open_client(hosts, "writer", password) as client:
        sink = ElasticsearchSink(client, stop=lambda: bool(alarms), alarm=alarms.append)
        with pytest.raises(connector.StoppedError):
            sink.create([document(index, 1)])
    return alarms[0]
