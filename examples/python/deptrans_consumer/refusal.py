"""What a refusal of the service says, beside its code."""

import grpc
from google.rpc import error_details_pb2, status_pb2


def reason_of(error: grpc.RpcError) -> str | None:
    """The contract's ErrorReason, such as CURSOR_AHEAD; None if the error is not the service's own."""
    info = _detail(error, error_details_pb2.ErrorInfo())
    return info.reason if info is not None else None


def retry_after(error: grpc.RpcError) -> float | None:
    """When trying again may help, in seconds; None if the service did not say."""
    info = _detail(error, error_details_pb2.RetryInfo())
    return info.retry_delay.ToTimedelta().total_seconds() if info is not None else None


def _detail(error: grpc.RpcError, wanted):
    for name, value in error.trailing_metadata() or ():
        if name != "grpc-status-details-bin":
            continue
        for detail in status_pb2.Status.FromString(value).details:
            if detail.Unpack(wanted):
                return wanted
    return None
