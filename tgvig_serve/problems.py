"""What goes wrong in a request, as one status and one sentence: {"error": "…"}. Nothing else ever leaves."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from tgvig_core.photos.reading import TooManyPixels, UnknownFormat
from tgvig_core.utils.errors import TgvigError

GONE = 499
"""nginx's number for a client that left before its answer; nobody receives it, but the log and the metrics do."""


class Problem(Exception):
    """A request that gets a status and a sentence instead of its answer."""

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers

    def response(self) -> JSONResponse:
        """The one shape of every error."""
        return JSONResponse({"error": self.sentence}, self.status, self.headers)


def of_photo(error: TgvigError) -> Problem:
    """What the photo's reader says, with the status that fits."""
    status = 413 if isinstance(error, TooManyPixels) else 415 if isinstance(error, UnknownFormat) else 422
    return Problem(status, str(error))


def too_many_bytes(megabytes: float) -> Problem:
    """The body is over the limit."""
    return Problem(413, f"The request is over the limit of {megabytes:g} MB; scale the photo down or save it as JPEG.")


def install(app: FastAPI) -> None:
    """Make every error of the app one of these."""
    app.add_exception_handler(Problem, lambda request, error: error.response())
    app.add_exception_handler(ClientDisconnect, lambda request, error: Response(status_code=GONE))
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(TgvigError, lambda request, error: JSONResponse({"error": str(error)}, 500))
    app.add_exception_handler(Exception, _bug)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # what it is installed for
    sentences = {
        404: "There is nothing at this address; GET /docs lists what there is.",
        405: "This address knows other methods only; GET /docs lists them.",
    }
    sentence = sentences.get(error.status_code, str(error.detail))
    return JSONResponse({"error": sentence}, error.status_code, error.headers)


def _bug(request: Request, error: Exception) -> JSONResponse:
    # Starlette raises it again afterwards, so the traceback is in the server's log.
    return JSONResponse({"error": "The server failed at this request; its log says why."}, 500)
