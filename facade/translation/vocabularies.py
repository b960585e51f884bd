"""The codes the facade answers with, as CodeSystems: its errors, the rules of its policy, the acts it traces.

Built from mappings/errors and mappings/access, so that a client can look up every code it is given.
"""

from __future__ import annotations

from collections.abc import Iterator

from facade.translation.conformance_parts import Resource, Row, Rows, header


def vocabularies(rows: Rows, date: str) -> Iterator[Resource]:
    """The CodeSystems, ``date`` being that of the software's release."""
    yield _code_system("error", "Errors of the facade", [_error(row) for row in rows("errors/facade.csv")], date)
    yield _code_system("rule", "Rules of the access policy", [_rule(row) for row in rows("access/rules.csv")], date)
    yield _code_system("act", "Acts that are traced", [_act(row) for row in rows("access/acts.csv")], date)
    outcomes = [_outcome(row) for row in rows("mail/outcomes.csv")]
    yield _code_system("message-outcome", "Why a message was not sent", outcomes, date)
    criteria = [_criterion(row) for row in rows("supervision/criteria.csv")]
    yield _code_system("supervision-criterion", "Criteria of supervision", criteria, date)


def _code_system(name: str, title: str, concepts: list[Resource], date: str) -> Resource:
    resource = header("CodeSystem", name, f"urn:dmp-facade:{name}", title, f"{title}. Each names its source.", date)
    resource |= {"caseSensitive": True, "content": "complete", "count": len(concepts)}
    if name in ("error", "rule"):
        text = "The HTTP status of the answer it is the first issue of"
        resource["property"] = [{"code": "http-status", "type": "integer", "description": text}]
    return resource | {"concept": concepts}


def _error(row: Row) -> Resource:
    return _stated(row["code"], row, row["source"])


def _rule(row: Row) -> Resource:
    return _stated(row["rule"], row, row["basis"] or row["source"])


def _stated(code: str, row: Row, source: str) -> Resource:
    return {
        "code": code,
        "definition": f"{row['text_en']} ({source})",
        "designation": [{"language": "fr", "value": row["text_fr"]}],
        "property": [{"code": "http-status", "valueInteger": int(row["http_status"])}],
    }


def _act(row: Row) -> Resource:
    sent = f"; asked of the DMP by {row['transaction']}" if row["transaction"] else ""
    return {"code": row["act"], "definition": f"About a {row['about']}{sent} ({row['source']})"}


def _outcome(row: Row) -> Resource:
    return {
        "code": row["code"],
        "definition": f"{row['text_en']} ({row['source']})",
        "designation": [{"language": "fr", "value": row["text_fr"]}],
    }


def _criterion(row: Row) -> Resource:
    return {
        "code": row["criterion"],
        "definition": f"{row['text_en']}; {row['threshold']} within {row['window_minutes']} minutes ({row['source']})",
        "designation": [{"language": "fr", "value": row["text_fr"]}],
    }
