"""What KServe asks of an InferenceService, as far as these exports use it.

From its CustomResourceDefinition (kserve/kserve, config/crd/full,
serving.kserve.io_inferenceservices.yaml, version v1beta1), whose own file has some 20,000 lines:
the fields used here with their types, and no others.
"""

from __future__ import annotations

from typing import Any


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": False,
    }


_TEXT = {"type": "string"}

#: int-or-string, as the CRD has it.
_QUANTITIES = {
    "type": "object",
    "additionalProperties": {
        "anyOf": [
            {"type": "integer"},
            {
                "type": "string",
                "pattern": r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE])?$",
            },
        ]
    },
}

_MODEL = _object(
    ["modelFormat"],
    modelFormat=_object(["name"], name=_TEXT, version=_TEXT),
    protocolVersion=_TEXT,
    runtime=_TEXT,
    runtimeVersion=_TEXT,
    storageUri=_TEXT,
    args={"type": "array", "items": _TEXT},
    resources=_object([], requests=_QUANTITIES, limits=_QUANTITIES),
)

INFERENCE_SERVICE = _object(
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "serving.kserve.io/v1beta1"},
    kind={"const": "InferenceService"},
    metadata=_object(
        ["name"], name={"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}
    ),
    spec=_object(["predictor"], predictor=_object(["model"], model=_MODEL)),
)
