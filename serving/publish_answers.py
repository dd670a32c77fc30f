"""What a caller is told of the events it published."""

from fastapi import Response

from schemas.http import Problem
from schemas.http_publish import Published, PublishProblem
from schemas.rejection import EventError, Reason
from serving.json_body import encode_json
from serving.problems import ProblemError, problem, problem_response

PARTLY = 207
TRY_LATER = "Publish them again when Kafka answers: /readyz says how long it has been silent."


def answer(published: Published) -> Response:
    """200 when Kafka has all of them, 207 when it has some, else the problem with the rest."""
    if not published.rejected and not published.unacknowledged:
        return Response(encode_json(published), 200, media_type="application/json")
    if published.acknowledged:
        return Response(encode_json(published), PARTLY, media_type="application/json")
    if published.unacknowledged:
        return unacknowledged(published, f"{_first(published)}. {_counts(published)}")
    what = problem(422, "event_rejected", _first(published), "Mend it: docs/input.md says what an event may hold.")
    return _with_errors(what, published)


def unacknowledged(published: Published, detail: str) -> Response:
    """503: events may be in Kafka, or come to be there, or not."""
    return _with_errors(problem(503, "kafka_unreachable", detail, TRY_LATER), published)


def broken_off(published: Published, read: int, why: str) -> Response:
    """503: a body of lines was not read to its end."""
    detail = f"{why} {_counts(published)} They are the first {read}; nothing behind them was read."
    return _with_errors(problem(503, "kafka_unreachable", detail, TRY_LATER), published)


def too_slow(published: Published, read: int) -> Response:
    """408: a body of lines did not go on."""
    detail = f"The body paused for too long. {_counts(published)} They are the first {read}."
    what = problem(408, "body_too_slow", detail, "Publish the others again, without long pauses.")
    return _with_errors(what, published)


def kafka_away(detail: str) -> ProblemError:
    """Nothing was sent, since Kafka does not get on."""
    return ProblemError(503, "kafka_unreachable", detail, TRY_LATER)


def unreadable(error: EventError) -> ProblemError:
    """A body in which no events can be told apart."""
    if error.reason in {Reason.NOT_JSON, Reason.NOT_FINITE}:
        return ProblemError(400, "not_json", f"The body is not JSON: {error.detail}.", "Send JSON, or a line an event.")
    return ProblemError(422, "invalid_request", f"The body: {error.detail}", "Send an object, an array, or lines.")


def _first(published: Published) -> str:
    first, more = published.errors[0], published.rejected + published.unacknowledged - 1
    return f"Event {first.index}: {first.code}: {first.detail}" + (f" (and {more} more)" if more else "")


def _counts(published: Published) -> str:
    return (
        f"{published.acknowledged} events are in Kafka, {published.rejected} were rejected, "
        f"{published.unacknowledged} not confirmed."
    )


def _with_errors(what: Problem, published: Published) -> Response:
    errors = published.errors
    return problem_response(
        PublishProblem(what.type, what.title, what.status, what.detail, what.code, what.remedy, errors)
    )
