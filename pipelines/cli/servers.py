"""Servers that do not answer, or refuse, as one message with their address."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from tocsin.pipelines.cli.terminal import error
from tocsin.pipelines.config import Config


@contextmanager
def told(config: Config) -> Iterator[None]:
    """What brokers and nodes do not do, told in a sentence; the command then ends with status 1."""
    from elastic_transport import TransportError  # noqa: PLC0415
    from elasticsearch import ApiError  # noqa: PLC0415
    from kafka.errors import KafkaError  # noqa: PLC0415

    from tocsin.pipelines.connectors.deployment import DeploymentError  # noqa: PLC0415
    from tocsin.pipelines.connectors.kafka import SendError, TopicError  # noqa: PLC0415

    try:
        yield
    except KafkaError as problem:
        error(f"Kafka at {', '.join(config.kafka.bootstrap_servers)}: {problem}")
        raise typer.Exit(1) from None
    except (TransportError, ApiError) as problem:
        error(f"Elasticsearch at {', '.join(config.elasticsearch.hosts)}: {problem}")
        raise typer.Exit(1) from None
    except (TopicError, SendError, DeploymentError) as problem:
        error(str(problem))
        raise typer.Exit(1) from None
