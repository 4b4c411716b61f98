"""`tocsin stream` without a runner: one process of a group that shares the work by partitions.

    thread one: Worker           records ─▶ events, alerts, matches, marks
    thread two: CorrelatorHost   matches, marks ─▶ watermarks ─▶ alerts of correlations

Two threads and not one loop, since each is a member of a consumer group of its own and must poll
it in time whatever the other is doing: the correlator while it loads its state, the worker while
records pour in. They share nothing but counters and the wish to end; what the one finds the other
reads from Kafka, so it does not matter in which process either runs.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from threading import Event as Flag
from threading import Thread

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError

from tocsin.pipelines.config import Config
from tocsin.pipelines.connectors import kafka
from tocsin.pipelines.connectors.deployment import DeploymentError, require
from tocsin.pipelines.connectors.elasticsearch import ElasticsearchSink, StoppedError, open_client
from tocsin.pipelines.connectors.matches_topic import MatchesTopic
from tocsin.pipelines.connectors.topics import check_matches_topic, matches_retention
from tocsin.pipelines.correlation.correlator import Correlator, Limits
from tocsin.pipelines.correlation.plan import CorrelationPlan
from tocsin.pipelines.correlator import CorrelatorHost
from tocsin.pipelines.delivery import Delivery, Topics, write_group_alerts
from tocsin.pipelines.engine import Engine
from tocsin.pipelines.frontier import counted_sources
from tocsin.pipelines.metrics import Counters
from tocsin.pipelines.worker import Topic, Worker
from tocsin.schemas.marks import Origin
from tocsin.schemas.records import Source
from tocsin.schemas.templates import index_templates

GRACE_SECONDS = 25.0
"""How long deliveries under way may take after a stop; service managers kill after 30."""

DONE_SECONDS = 1.0
"""How often a stream that ends when idle asks whether all is committed."""

CORRELATORS = "correlate"
"""The correlators' group is that of the workers with this suffix."""


class Stop:
    """The wish to end, and the moment from which nobody waits for a server any more."""

    def __init__(self, grace: float = GRACE_SECONDS) -> None:
        self._grace = grace
        self._requested = Flag()
        self.deadline = float("inf")

    def request(self) -> None:
        """End soon; safe to call from a signal handler."""
        if not self._requested.is_set():
            self.deadline = time.monotonic() + self._grace
            self._requested.set()

    @property
    def requested(self) -> bool:
        """Whether to fetch no more."""
        return self._requested.is_set()

    def expired(self) -> bool:
        """Whether to give up what is under way."""
        return time.monotonic() > self.deadline


class StreamError(RuntimeError):
    """The stream could not start, or ended before all was delivered; no record is lost."""


def run_stream(
    config: Config,
    engine: Engine,
    instance: str,
    stop: Stop,
    *,
    counters: Counters,
    alarm: Callable[[str], None],
    until_idle: bool = False,
) -> None:
    """Stream what `config` says until `stop`, or with `until_idle` until all is done.

    `instance` is the static name of this process in its groups: host and index, one process at a
    time. Done means that the group has committed every record, and written every alert that
    follows. Raises StreamError with a sentence that says what was wrong.
    """
    try:
        ground = survey(config, plan_of(engine, config))
        with ExitStack() as stack:
            producer = kafka.open_producer(ground.cluster)
            stack.callback(kafka.close_producer, producer)
            client = stack.enter_context(client_of(config))
            require(client, index_templates(replicas=config.elasticsearch.replicas))
            sinks = _Sinks(
                producer,
                ElasticsearchSink(client, stop=stop.expired, alarm=alarm),
                counters,
                f"{instance}-{time.time_ns() // 1_000_000_000}",
            )
            worker = _worker(config, engine, ground, sinks, instance, stop, alarm)
            correlator = _correlator(config, ground, sinks, instance, stop, alarm)
            _run_both(worker, correlator, stop, alarm, until_idle=until_idle)
    except KafkaError as error:
        brokers = ", ".join(config.kafka.bootstrap_servers)
        raise StreamError(f"Kafka at {brokers}: {error}") from error
    except (ApiError, TransportError) as error:
        hosts = ", ".join(config.elasticsearch.hosts)
        raise StreamError(f"Elasticsearch at {hosts}: {error}") from error
    except (kafka.TopicError, kafka.SendError, StoppedError, DeploymentError) as error:
        raise StreamError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Ground:
    """What was found of the brokers at start: topics, the partitions that count, the plan."""

    cluster: kafka.Cluster
    plan: CorrelationPlan
    topics: Mapping[str, Topic]
    matches: MatchesTopic
    origins: Mapping[str, tuple[Origin, ...]]


@dataclass(frozen=True, slots=True)
class _Sinks:
    """Where both threads write and count; `run` is this process in the provenance of alerts."""

    producer: KafkaProducer
    elasticsearch: ElasticsearchSink
    counters: Counters
    run: str


def survey(config: Config, plan: CorrelationPlan) -> Ground:
    """Look at every topic of `config`; raises TopicError for one that is not as it has to be."""
    cluster = cluster_of(config)
    admin = kafka.open_admin(cluster)
    try:
        topics = topics_of(admin, config.sources)
        count = kafka.partition_count(admin, config.kafka.matches_topic)
        matches = MatchesTopic(config.kafka.matches_topic, count)
        retention = matches_retention(admin, topics, plan.longest_horizon)
        check_matches_topic(admin, matches.name, retention)
        origins = origins_of(admin, topics, config.sources)
        return Ground(cluster, plan, topics, matches, origins)
    finally:
        admin.close()


def _worker(
    config: Config,
    engine: Engine,
    ground: Ground,
    sinks: _Sinks,
    instance: str,
    stop: Stop,
    alarm: Callable[[str], None],
) -> Worker:
    counted = (origin.source for members in ground.origins.values() for origin in members)
    delivery = Delivery(
        engine,
        sinks.elasticsearch,
        sinks.producer,
        Topics(ground.matches, config.kafka.dead_letters_topic),
        sinks.counters,
        correlated=frozenset(counted),
        record_bytes=config.limits.record_bytes,
        dead_letter_bytes=config.limits.dead_letter_bytes,
        run=sinks.run,
        stop=stop.expired,
        alarm=alarm,
    )
    return Worker(
        kafka.open_consumer(ground.cluster, config.kafka.group, instance),
        sinks.producer,
        ground.topics,
        ground.matches,
        delivery,
        sinks.counters,
        lateness=config.correlation.lateness,
        batch_records=config.limits.batch_records,
        stop=stop.expired,
        alarm=alarm,
    )


def _correlator(
    config: Config,
    ground: Ground,
    sinks: _Sinks,
    instance: str,
    stop: Stop,
    alarm: Callable[[str], None],
) -> CorrelatorHost:
    # Organisations have states of their own, so each may take its part of the total.
    share = max(config.correlation.total_matches // max(len(ground.origins), 1), 1)
    limits = Limits(config.correlation.group_matches, share)
    return CorrelatorHost(
        kafka.open_consumer(ground.cluster, f"{config.kafka.group}-{CORRELATORS}", instance),
        sinks.producer,
        ground.matches,
        ground.origins,
        lambda point: Correlator(
            ground.plan,
            limits=limits,
            complete_from=point.complete_from,
            watermark=point.watermark,
        ),
        partial(
            write_group_alerts,
            sink=sinks.elasticsearch,
            counters=sinks.counters,
            run=sinks.run,
            alarm=alarm,
        ),
        sinks.counters,
        horizon=ground.plan.longest_horizon,
        silence=config.correlation.silence,
        stop=stop.expired,
        alarm=alarm,
    )


def client_of(config: Config) -> Elasticsearch:
    """A client of the nodes that `config` names, with the password from where it says."""
    keys = config.elasticsearch
    return open_client(keys.hosts, keys.username, keys.password() or "", keys.ca_certs)


def plan_of(engine: Engine, config: Config) -> CorrelationPlan:
    """The correlations of `engine` as they run live: their horizons hold the lateness, too."""
    return replace(engine.correlations, lateness=config.correlation.lateness)


def cluster_of(config: Config) -> kafka.Cluster:
    """The brokers that `config` names, with the password from where it says."""
    keys = config.kafka
    return kafka.Cluster(
        keys.bootstrap_servers,
        keys.security_protocol,
        keys.ssl_cafile,
        keys.sasl_mechanism,
        keys.username,
        keys.password() or "",
    )


def topics_of(admin: KafkaAdminClient, sources: Iterable[Source]) -> dict[str, Topic]:
    """Each topic that is read, by name; raises TopicError where two sources name one."""
    topics: dict[str, Topic] = {}
    for source in sources:
        name = source.topic or source.name
        if name in topics:
            both = f"{topics[name].source.name} and {source.name}"
            raise kafka.TopicError(f"topic {name} is that of two sources, {both}; expected one")
        topics[name] = Topic(source, kafka.topic_id(admin, name, source.generation))
    return topics


def origins_of(
    admin: KafkaAdminClient, topics: Mapping[str, Topic], sources: Iterable[Source]
) -> dict[str, tuple[Origin, ...]]:
    """The source partitions that hold the watermark, by organisation."""
    counted = counted_sources(sources)
    return {
        organization: tuple(
            Origin(topic.source.name, topic.id, partition)
            for name, topic in topics.items()
            if topic.source in members
            for partition in range(kafka.partition_count(admin, name))
        )
        for organization, members in counted.items()
    }


def _run_both(
    worker: Worker,
    correlator: CorrelatorHost,
    stop: Stop,
    alarm: Callable[[str], None],
    *,
    until_idle: bool,
) -> None:
    """Run both until the end; raises what ended either, when both have ended."""
    delivered = Flag()
    finished = Flag()
    failures: list[BaseException] = []

    def correlate() -> None:
        try:
            _correlate(correlator, stop, alarm, delivered, finished)
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            failures.append(error)
            stop.request()

    thread = Thread(target=correlate, name="correlator")
    thread.start()
    try:
        _work(worker, stop, alarm, delivered if until_idle else None, finished)
    except BaseException:
        stop.request()
        raise
    finally:
        thread.join()
    if failures:
        raise failures[0]


def _work(
    worker: Worker,
    stop: Stop,
    alarm: Callable[[str], None],
    delivered: Flag | None,
    finished: Flag,
) -> None:
    ask_at = time.monotonic() + DONE_SECONDS
    with worker:
        while not stop.requested and not finished.is_set():
            if delivered is not None and delivered.is_set():
                _turn(worker.rest, alarm)
                continue
            _turn(worker.step, alarm)
            if delivered is not None and time.monotonic() >= ask_at:
                if worker.done():
                    delivered.set()
                ask_at = time.monotonic() + DONE_SECONDS
        if not finished.is_set() and not worker.drain(stop.deadline):
            raise StreamError(f"{worker.in_flight} batches not delivered before the stop")


def _correlate(
    correlator: CorrelatorHost,
    stop: Stop,
    alarm: Callable[[str], None],
    delivered: Flag,
    finished: Flag,
) -> None:
    with correlator:
        while not stop.requested:
            _turn(correlator.step, alarm)
            if delivered.is_set() and correlator.finish(stop.deadline):
                finished.set()
                return
        if not correlator.drain(stop.deadline):
            raise StreamError("alerts not written before the stop")


def _turn(step: Callable[[], None], alarm: Callable[[str], None]) -> None:
    """One step; what brokers fail to do for now is done in a later one."""
    try:
        step()
    except KafkaError as error:
        if not getattr(error, "retriable", False):
            raise
        alarm(f"Kafka is busy or away: {type(error).__name__}: {error}")
        time.sleep(0.5)
