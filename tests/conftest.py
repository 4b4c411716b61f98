"""Real servers for the tests that need them: started once, on free ports, stopped at the end.

Without Java or Maven such tests are skipped with the reason; TOCSIN_REQUIRE_SERVICES=1 makes that
a failure, so that CI cannot pass by testing nothing. Whoever kills a server starts its own.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "deploy" / "local"))

import services as local_services
from processes import Service


@pytest.fixture(scope="session")
def services() -> ModuleType:
    """The module that starts servers, `deploy/local/services.py`."""
    if lacking := local_services.missing_tools():
        if os.environ.get("TOCSIN_REQUIRE_SERVICES") == "1":
            pytest.fail(lacking)
        pytest.skip(lacking)
    return local_services


@pytest.fixture(scope="session")
def kafka(services: ModuleType) -> Iterator[Service]:
    """A broker for the whole session; tests take topics of their own."""
    with services.start_kafka() as service:
        yield service


@pytest.fixture(scope="session")
def elasticsearch(services: ModuleType) -> Iterator[Service]:
    """A node for the whole session, with our templates; tests take indices of their own.

    The templates are there from the start, as an index that a document makes without them keeps
    the types that are guessed from it.
    """
    from tocsin.pipelines.connectors.deployment import deploy
    from tocsin.pipelines.connectors.elasticsearch import open_client
    from tocsin.schemas.templates import index_templates

    with services.start_elasticsearch() as service:
        with open_client([service.address]) as client:
            for _ in deploy(client, index_templates(replicas=0)):
                pass
        yield service
