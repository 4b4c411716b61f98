"""`tocsin stream --runner`: the worker's way as one unbounded Beam graph, for many machines.

    Kafka ─▶ Normalize ─▶ Detect ─┬─▶ WriteAlerts
                 │                ├─▶ WriteEvents ─┐
                 └────────────────┴────────────────┴─▶ WriteDeadLetters
                                  └─▶ Correlate ─▶ WriteGroupAlerts

Up to `Correlate` everything runs where a partition is read, so that a batch is never sent anywhere;
what correlations need is keyed by organisation and share. Where readers stand and what correlations
hold are in one checkpoint of the runner; what is written twice comes to the same documents.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import apache_beam as beam
import grpc
from apache_beam.io.unbounded_source import ReadFromUnboundedSource
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import PCollection
from apache_beam.runners.runner import PipelineResult, PipelineState
from kafka import KafkaConsumer
from kafka.errors import KafkaError

from tocsin.pipelines.config import Config
from tocsin.pipelines.connectors import kafka
from tocsin.pipelines.connectors.kafka_source import KafkaSource, Partition
from tocsin.pipelines.stream_transforms import (
    EVENTS,
    PROGRESS,
    Correlate,
    Correlation,
    DetectLive,
    Sinks,
    WriteAlerts,
    WriteDeadLetters,
    WriteEvents,
    WriteGroupAlerts,
)
from tocsin.pipelines.streaming import StreamError, cluster_of, origins_of, topics_of
from tocsin.pipelines.transforms import DEAD_LETTERS, EngineSpec, Normalize
from tocsin.schemas.marks import Origin
from tocsin.schemas.records import Batch
from tocsin.schemas.times import BEGINNING_OF_TIME, format_micros

GROUP = "beam"
"""The group whose commits show how far a job has read is that of the workers with this suffix.
Workers must not go on from there: their matches topic knows nothing of what a job has read."""

BUNDLE_BATCHES = 50
"""A bundle's elements may lie in a checkpoint; at a megabyte each, a few hundred fill a heap."""

READ_SECONDS = 0.5
DEFER_SECONDS = 1.0
"""Flink knows whole seconds; a shorter one would be nought, and an idle reader would spin."""

OPTIONS = (
    "--streaming",
    # Without it every other start on Flink reads nothing, for ever and without an error.
    "--finish_bundle_before_checkpointing",
    # A bundle that was read keeps its copies of all transforms until the next checkpoint.
    "--checkpointing_interval=3000",
    # Time moves at the end of bundles only.
    "--max_bundle_time_mills=200",
    "--state_backend=filesystem",
    "--parallelism=1",
)
"""What the graph asks of a runner, unless other values are given after these."""

START_SECONDS = 60.0
"""A job that has read and saved nothing this long after its start never will; a good start takes
ten to twenty seconds."""

TURN_SECONDS = 0.5
"""How often a job is looked after."""

READERS = 2
"""Readers for each of the runner's parallel workers. They take turns there, so that more of them
make each wait longer; the runner deals them out by hash, so that fewer leave some worker none."""

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StreamJob:
    """What is streamed: `partitions` are read, `origins` hold the watermark, by organisation.

    `complete_from` is the time from which correlations see all matches; `run` names the job in
    the provenance of what it writes.
    """

    config: Config
    partitions: tuple[Partition, ...]
    origins: Mapping[str, tuple[Origin, ...]]
    complete_from: int
    run: str

    @property
    def group(self) -> str:
        """The consumer group whose commits show how far the job has read."""
        return f"{self.config.kafka.group}-{GROUP}"

    @property
    def engine(self) -> EngineSpec:
        """The rules that run."""
        rules = self.config.rules
        return EngineSpec(rules.directories, rules.exclude, rules.placeholders)


def plan_job(config: Config, run: str) -> StreamJob:
    """The job of `config`, from what the brokers say of its topics.

    Raises TopicError for a topic that is missing, KafkaError where no broker answers.
    """
    cluster = cluster_of(config)
    admin = kafka.open_admin(cluster)
    try:
        topics = topics_of(admin, config.sources)
        origins = origins_of(admin, topics, config.sources)
        partitions = tuple(
            Partition(name, number, topic.source, topic.id)
            for name, topic in topics.items()
            for number in range(kafka.partition_count(admin, name))
        )
    finally:
        admin.close()
    consumer = kafka.open_consumer(cluster, f"{config.kafka.group}-{GROUP}")
    try:
        oldest = consumer.beginning_offsets([partition.key for partition in partitions])
    finally:
        consumer.close(autocommit=False)
    # Where retention took a beginning, nobody knows what is missing of the time up to now.
    whole = not any(oldest.values())
    complete_from = BEGINNING_OF_TIME if whole else time.time_ns() // 1000
    return StreamJob(config, partitions, origins, complete_from, run)


def stream_graph(pipeline: beam.Pipeline, job: StreamJob, splits: int = 1) -> None:
    """Records from Kafka to events, alerts and dead letters; `splits` as `KafkaSource` has it."""
    config = job.config
    correlated = frozenset(origin.source for origins in job.origins.values() for origin in origins)
    sinks = Sinks(config, job.run)

    batches = pipeline | "Kafka" >> ReadBatches(job, splits)
    normalized = batches | "Normalize" >> Normalize(config.limits.record_bytes)
    detected = normalized.events | "Detect" >> DetectLive(
        job.engine, correlated, config.correlation.lateness
    )
    detected.alerts | "WriteAlerts" >> beam.ParDo(WriteAlerts(sinks))
    refused = detected[EVENTS] | "WriteEvents" >> beam.ParDo(WriteEvents(sinks))
    (
        (normalized[DEAD_LETTERS], detected[DEAD_LETTERS], refused)
        | "DeadLetters" >> beam.Flatten()
        | "WriteDeadLetters" >> beam.ParDo(WriteDeadLetters(sinks))
    )
    (
        detected[PROGRESS]
        | "Correlate" >> Correlate(Correlation(job.engine, config, job.origins, job.complete_from))
        | "WriteGroupAlerts" >> beam.ParDo(WriteGroupAlerts(sinks))
    )


@dataclass(eq=False)
class ReadBatches(beam.PTransform):  # type: ignore[misc]
    """Every partition of a job, from its first record on, as batches."""

    job: StreamJob
    splits: int

    def expand(self, begin: beam.pvalue.PBegin) -> PCollection[Batch]:  # noqa: D102
        job = self.job
        source = KafkaSource(
            # The source is part of every checkpoint: it has what it needs and no more.
            partial(cluster_of, Config(kafka=job.config.kafka)),
            job.group,
            job.partitions,
            job.config.limits.batch_records,
            self.splits,
        )
        return (
            begin
            | "Read"
            >> ReadFromUnboundedSource(
                source,
                poll_interval=DEFER_SECONDS,
                max_records_per_bundle=BUNDLE_BATCHES,
                max_read_time_seconds=READ_SECONDS,
            )
            # The source itself states no type, and the steps behind it need one.
            | "Batches" >> beam.Map(lambda batch: batch).with_output_types(Batch)
        )


def run_on_runner(
    job: StreamJob,
    arguments: Sequence[str],
    stop: Callable[[], bool],
    alarm: Callable[[str], None],
    patience: float = START_SECONDS,
) -> None:
    """Submit `job` with the Beam options `arguments`, and stay until it ends or `stop` says so.

    A job that has not begun to read after `patience` seconds is submitted once more. One whose
    transforms run in this process (LOOPBACK) is cancelled at the stop; any other goes on. Raises
    StreamError where no runner takes the job, where it does not begin twice, or ends by itself.
    """
    options = PipelineOptions([*OPTIONS, *arguments])
    try:
        result = _begin(job, options, stop, patience)
        if result is None:
            alarm(f"the job read nothing within {patience:.0f} s: submitting it again")
            result = _begin(job, options, stop, patience)
        if result is None:
            raise StreamError(f"the job read nothing within {patience:.0f} s, twice")
        while not stop():
            if PipelineState.is_terminal(result.state):
                raise StreamError(f"the job ended: {_last_words(result)}")
            time.sleep(TURN_SECONDS)
        if options.get_all_options().get("environment_type") == "LOOPBACK":
            result.cancel()
    except (grpc.RpcError, grpc.FutureTimeoutError) as error:
        where = options.get_all_options().get("job_endpoint")
        said = f"the job server at {where} does not answer: {type(error).__name__}"
        raise StreamError(said) from error


def _begin(
    job: StreamJob, options: PipelineOptions, stop: Callable[[], bool], patience: float
) -> PipelineResult | None:
    """The job as it was submitted, or None where it does not begin to read."""
    since = format_micros(time.time_ns() // 1000)
    parallelism = int(options.get_all_options().get("parallelism") or 1)
    try:
        pipeline = beam.Pipeline(options=options)
        stream_graph(pipeline, job, 1 if parallelism == 1 else READERS * parallelism)
        result = pipeline.run()
    except (ValueError, RuntimeError) as error:
        raise StreamError(f"the job cannot be submitted: {error}") from error
    deadline = time.monotonic() + patience
    consumer = kafka.open_consumer(cluster_of(job.config), job.group)
    try:
        while not (
            stop() or PipelineState.is_terminal(result.state) or _reads(job, consumer, since)
        ):
            if time.monotonic() > deadline:
                result.cancel()
                return None
            time.sleep(TURN_SECONDS)
    finally:
        consumer.close(autocommit=False)
    return result


def _reads(job: StreamJob, consumer: KafkaConsumer, since: str) -> bool:
    """Whether `job` has read: after a checkpoint it commits, with the moment as metadata."""
    try:
        committed = (consumer.committed(each.key, metadata=True) for each in job.partitions)
        return any(each is not None and each.metadata >= since for each in committed)
    except KafkaError as error:
        _LOGGER.warning("Kafka is busy or away: %s: %s", type(error).__name__, error)
        return False


def _last_words(result: PipelineResult) -> str:
    """What the runner says of a job that ended."""
    try:
        return str(result.wait_until_finish())
    except RuntimeError as error:
        return str(error)
