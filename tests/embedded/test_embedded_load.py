"""Many clients at once, and a large document."""

from __future__ import annotations

import base64
import os
from concurrent.futures import ThreadPoolExecutor

from tests.support.embedded import RawClient
from tests.support.embedded_lot import Document


def test_submissions_and_searches_at_once_do_not_disturb_each_other(raw: RawClient) -> None:
    documents = [Document() for _ in range(24)]

    def feed(document: Document) -> tuple[str, str]:
        client = RawClient(raw.world, raw.port, raw.log)
        try:
            return client.provide(document).outcome, client.find().outcome
        finally:
            client.close()

    before = len(raw.lines())
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(feed, documents)) == {("Success", "Success")}
    assert len(raw.lines()) - before == 2 * len(documents)
    found = raw.retrieve([document.unique_id for document in documents])
    assert found.documents == {document.unique_id: document.bytes for document in documents}


def test_a_document_of_fifteen_megabytes(raw: RawClient) -> None:
    """Its PDF is one text node, above the limit of an XML parser's default settings."""
    pdf = base64.b64encode(os.urandom(11 * 1024 * 1024)).decode()
    document = Document(cda_changes={"JVBERi0=": pdf})
    assert raw.provide(document).outcome == "Success"
    assert raw.retrieve([document.unique_id]).documents == {document.unique_id: document.bytes}
