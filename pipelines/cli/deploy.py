"""`tocsin deploy`: prepare the servers that the stream needs."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from tocsin.parsers import PARSERS
from tocsin.pipelines.cli.options import cache_folder, config_option, read_config
from tocsin.pipelines.cli.servers import told
from tocsin.pipelines.cli.terminal import document, note

app = typer.Typer(help="Prepare the servers.", no_args_is_help=True)


@app.command()
def elasticsearch(
    config: config_option = None,
    show: Annotated[
        bool, typer.Option("--print", help="Show what would be put, and ask no server.")
    ] = False,
) -> None:
    """Put the index templates of events, alerts and dead letters.

    \b
    tocsin deploy elasticsearch --config tocsin.toml
    tocsin deploy elasticsearch --print | jq .
    """
    from tocsin.schemas.templates import index_templates  # noqa: PLC0415

    settings = read_config(config)
    templates = index_templates(replicas=settings.elasticsearch.replicas)
    if show:
        document(templates)
        return
    from tocsin.pipelines.connectors.deployment import (  # noqa: PLC0415
        check_budget,
        deploy,
        expected_indices,
    )
    from tocsin.pipelines.connectors.elasticsearch import open_client  # noqa: PLC0415

    keys = settings.elasticsearch
    streams = {(PARSERS[source.parser].group, source.organization) for source in settings.sources}
    with told(settings):
        client = open_client(
            keys.hosts,
            username=keys.username,
            password=keys.password() or "",
            ca_certs=keys.ca_certs,
        )
        for name in deploy(client, templates):
            note(f"put index template {name}")
        indices = expected_indices(streams)
        budget = check_budget(client, indices, keys.replicas)
    note(
        f"about {indices} indices in the time they are kept; the cluster takes {budget.free} shards"
    )


@app.command()
def kafka(
    config: config_option = None,
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of a new topic.")] = 4,
    replication: Annotated[
        int, typer.Option(min=-1, help="Replicas of a new topic; -1 is the cluster's default.")
    ] = -1,
) -> None:
    """Make the topics that are missing: of the sources, of matches, of dead letters.

    \b
    tocsin deploy kafka --config tocsin.toml --partitions 12 --replication 3
    """
    from tocsin.pipelines.connectors.kafka import create_topic, open_admin  # noqa: PLC0415
    from tocsin.pipelines.connectors.topics import (  # noqa: PLC0415
        matches_retention,
        matches_settings,
    )
    from tocsin.pipelines.engine import load_engine  # noqa: PLC0415
    from tocsin.pipelines.streaming import cluster_of, plan_of  # noqa: PLC0415

    settings = read_config(config)
    engine = load_engine(
        [Path(name) for name in settings.rules.directories],
        exclude=settings.rules.exclude,
        placeholders=dict(settings.rules.placeholders),
        cache_folder=cache_folder(),
    )
    horizon = plan_of(engine, settings).longest_horizon
    sources = list(dict.fromkeys(source.topic for source in settings.sources if source.topic))
    matches = settings.kafka.matches_topic
    with told(settings), closing(open_admin(cluster_of(settings))) as admin:
        for topic in (*sources, settings.kafka.dead_letters_topic):
            create_topic(admin, topic, partitions, replication=replication)
            note(f"topic {topic} has {partitions} partitions")
        kept = matches_settings(matches_retention(admin, sources, horizon))
        create_topic(admin, matches, partitions, replication=replication, settings=kept)
    note(f"topic {matches} has {partitions} partitions")
