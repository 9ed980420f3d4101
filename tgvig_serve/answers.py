"""The answers as values, with what every field means: the API's description is made from them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

EXAMPLE: JsonDict = {
    "score": 31.4, "display": 0.93, "threshold": 22.0, "is_anomalous": True, "verdict": "anomalous",
    "regions": [{"x": 310, "y": 122, "width": 84, "height": 51, "area": 3120, "peak": 31.4, "peak_at": [352, 140]}],
    "width": 1280, "height": 960, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "object": "metal nut", "bundle": "5e884898da280471", "seconds": 0.112,
}  # fmt: skip


class RegionFound(BaseModel):
    """One connected region above the pixel threshold, in px of the photo."""

    x: int = Field(description="left edge of its box")
    y: int = Field(description="upper edge of its box")
    width: int = Field(description="width of its box")
    height: int = Field(description="height of its box")
    area: int = Field(description="its pixels")
    peak: float = Field(description="its highest raw value")
    peak_at: tuple[int, int] = Field(description="x and y of that value")


class Answer(BaseModel):
    """What was found on one photo."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    score: float = Field(description="raw score; larger is more anomalous, without an upper end")
    display: float = Field(description="the same from 0 to 1: 0.5 is the threshold, 0.05 a typical good part")
    threshold: float = Field(description="the raw score above which a part is called anomalous")
    is_anomalous: bool = Field(description="score > threshold")
    verdict: Literal["good", "anomalous"] = Field(description="the same in a word")
    regions: list[RegionFound] = Field(
        description="anomalous regions of an anomalous photo, the highest peak first; without specks"
    )
    width: int = Field(description="of the photo, px, upright")
    height: int = Field(description="of the photo, px, upright")
    sha256: str = Field(description="of the photo's bytes as they were sent")
    object: str = Field(description="what the detector was trained on")
    bundle: str = Field(description="which bundle answered: the first 16 digits of its bundle.json's sha256")
    seconds: float = Field(description="from the request's arrival to this answer")


class About(BaseModel):
    """What is served."""

    model_config = {"json_schema_extra": {"examples": [{
        "object": "metal nut", "bundle": "5e884898da280471", "created": "2025-05-01T12:00:00", "version": "0.1.0",
        "meaning": "Scores above the threshold are called anomalous. …",
        "limits": {"threshold": 22.0, "pixel_threshold": 18.5, "false_alarm": 0.05, "words": "…"},
        "detector": {"name": "patchcore", "size": 256}, "agreement": {"onnx": {"score": 1e-6, "map": 2e-6}},
        "versions": {"onnxruntime": "1.31.1"},
        "server": {"megabytes": 20, "megapixels": 64, "seconds": 30, "places": 32, "batch": 8},
    }]}}  # fmt: skip

    object: str = Field(description="what the detector was trained on")
    bundle: str = Field(description="the first 16 digits of bundle.json's sha256")
    created: str = Field(description="when it was exported")
    version: str = Field(description="of tgvig, when it was exported")
    meaning: str = Field(description="what score, thresholds and verdict mean, in words")
    limits: dict[str, Any] = Field(
        description="thresholds, target and expected false-alarm rate (null once a person moved the threshold), in words too"
    )
    detector: dict[str, Any] = Field(description="its name, backbone, layers, frame and settings")
    agreement: dict[str, Any] = Field(description="how far each format's answers are from the original's")
    versions: dict[str, Any] = Field(description="of the libraries it was made with")
    server: dict[str, float] = Field(description="what this server allows: size, time, how many at once")


class State(BaseModel):
    """Whether the server can be asked."""

    model_config = {"json_schema_extra": {"examples": [{"status": "ok"}]}}

    status: Literal["ok"]


class Trouble(BaseModel):
    """Every answer that is not 200."""

    model_config = {
        "json_schema_extra": {"examples": [{"error": "part7.png is empty (0 bytes); send the file's content."}]}
    }

    error: str = Field(description="one sentence: what is wrong and what to do")


def headers_of(answer: Answer, most_regions: int = 16) -> dict[str, str]:
    """The same facts beside a picture. Of many regions the first come, so that no client's limit is reached."""
    regions = ",".join(region.model_dump_json() for region in answer.regions[:most_regions])
    return {
        "X-Score": repr(answer.score), "X-Display": repr(answer.display), "X-Threshold": repr(answer.threshold),
        "X-Is-Anomalous": str(answer.is_anomalous).lower(), "X-Verdict": answer.verdict,
        "X-Regions": f"[{regions}]", "X-Region-Count": str(len(answer.regions)),
        "X-Width": str(answer.width), "X-Height": str(answer.height), "X-Sha256": answer.sha256,
        "X-Bundle": answer.bundle, "X-Seconds": repr(answer.seconds),
    }  # fmt: skip
