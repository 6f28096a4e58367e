"""The address of an object store: which buckets it means, and how obstore reaches them.

`s3://bucket/prefix?region=...` is one bucket, in which `inputs` and `outputs` are folders. An address without a bucket
means two real buckets of these names. Keys are in no address: addresses end in logs.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from nexiom_sdk.errors import ConfigurationError, InvalidInput
from nexiom_sdk.storage import INPUTS, OUTPUTS, checked_key
from nexiom_sdk.wording import printable, unknown

if TYPE_CHECKING:
    from obstore.store import AzureConfig, AzureStore, ClientConfig, GCSConfig, GCSStore, RetryConfig, S3Config, S3Store

Scheme: TypeAlias = Literal["s3", "gs", "az"]

PARAMETERS: Mapping[Scheme, tuple[str, ...]] = {
    "s3": ("region", "endpoint", "path_style"),
    "gs": ("endpoint",),
    "az": ("account", "endpoint"),
}
VARIABLES: Mapping[Scheme, str] = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
_WORDS: Mapping[str, re.Pattern[str]] = {
    "region": re.compile(r"[a-z0-9-]{1,40}"),
    "path_style": re.compile(r"true|false"),
    "account": re.compile(r"[a-z0-9]{3,24}"),
}
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")
_NEAR = tuple(
    map(ipaddress.ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"))
)
_NEAR_NAME = re.compile(r"[a-z][a-z0-9_-]*|[a-z0-9_.-]+\.(local|internal)")  # one of digits only is an address, too
_WRITE_IT = "Write it like s3://bucket/folder?region=eu-central-1, gs://bucket/folder or az://container?account=name."
_SECRET = re.compile(r"key|secret|token|sas|sig|password|credential", re.IGNORECASE)

# A part of an upload must be through within the time for one answer; no request has a bound that grows with its size.
_CONNECT = timedelta(seconds=5)
_ANSWER = timedelta(seconds=120)
_NO_BOUND = timedelta(days=7)
_MOST_RETRIES = 3
_RETRY = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAddress:
    """What an address says.

    Args:
        scheme: Whose service.
        bucket: The one bucket; empty: the buckets `inputs` and `outputs`.
        prefix: The folder in the bucket; empty: the bucket itself.
        parameters: What stands behind the question mark.
    """

    scheme: Scheme
    bucket: str = ""
    prefix: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def parse(cls, url: str) -> StoreAddress:
        """Read an address.

        Raises:
            ConfigurationError: It is none, or holds a key.

        Example:
            >>> StoreAddress.parse("s3://films/nexiom?region=eu-central-1").prefix
            'nexiom'
        """
        try:
            parts = urlsplit(url)
            given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError:
            raise _no_address("It is not one that can be read.") from None  # its words quote the address
        scheme = _scheme(parts.scheme)
        if "@" in parts.netloc:
            raise _holds_key(scheme)
        if parts.fragment or (parts.netloc and not _BUCKET.fullmatch(parts.netloc)):
            raise _no_bucket(parts.netloc)
        parameters = _parameters(scheme, given)
        prefix = _prefix(unquote(parts.path))
        if not parts.netloc:
            _check_two_buckets(scheme, prefix, parameters)
        return cls(scheme=scheme, bucket=parts.netloc, prefix=prefix, parameters=parameters)

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        what = f"{self.scheme}://{self.bucket}" if self.bucket else f"the buckets {INPUTS} and {OUTPUTS}"
        host = urlsplit(self.parameters.get("endpoint", "")).netloc
        return f"{what} at {host}" if host else what

    def connect(self, bucket: str) -> S3Store | GCSStore | AzureStore:
        """The bucket, as obstore reaches it; nothing is asked of it yet.

        Args:
            bucket: Its name.
        """
        endpoint = self.parameters.get("endpoint", "")
        # No bound on a whole request: a large object may take as long as the line needs, if only something moves.
        client: ClientConfig = {"connect_timeout": _CONNECT, "read_timeout": _ANSWER, "timeout": _NO_BOUND}
        if endpoint.startswith("http:"):
            client["allow_http"] = True
        retry: RetryConfig = {
            "max_retries": _MOST_RETRIES,
            "retry_timeout": _RETRY,
            "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=3), "base": 2},
        }
        match self.scheme:
            case "s3":
                from obstore.store import S3Store

                return S3Store(bucket, config=self._s3(bucket, endpoint), client_options=client, retry_config=retry)
            case "gs":
                from obstore.store import GCSStore

                google: GCSConfig = {"base_url": endpoint} if endpoint else {}
                return GCSStore(bucket, config=google, client_options=client, retry_config=retry)
            case "az":
                from obstore.store import AzureStore

                azure: AzureConfig = {"endpoint": endpoint} if endpoint else {}
                if "account" in self.parameters:
                    azure["account_name"] = self.parameters["account"]
                return AzureStore(bucket, config=azure, client_options=client, retry_config=retry)

    def _s3(self, bucket: str, endpoint: str) -> S3Config:
        config: S3Config = {"disable_bulk_delete": True}  # not every compatible service has it
        if "region" in self.parameters:
            config["region"] = self.parameters["region"]
        if self.parameters.get("path_style") == "false":
            config["virtual_hosted_style_request"] = True
            endpoint = endpoint.replace("://", f"://{bucket}.", 1)
        else:
            config["virtual_hosted_style_request"] = False
        if endpoint:
            config["aws_endpoint_url_s3"] = endpoint  # the other name, `endpoint`, would lose against a variable
        return config


def _scheme(scheme: str) -> Scheme:
    if scheme not in PARAMETERS:
        raise _no_address("It begins with none of s3:, gs: and az:.")
    return cast("Scheme", scheme)


def _parameters(scheme: Scheme, given: list[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in given:
        if name not in PARAMETERS[scheme]:
            if _SECRET.search(name):
                raise _holds_key(scheme)
            msg = unknown(f"parameter of {scheme}: addresses named", name, PARAMETERS[scheme])
            raise ConfigurationError(msg, next_step="Correct the address of the store.")
        if name in found:
            raise _no_address(f"It says '{name}' twice.")
        if name == "endpoint":
            value = _endpoint(value)  # noqa: PLW2901 - without what means nothing
        elif not _WORDS[name].fullmatch(value):
            raise _no_address(f"What it says of '{name}' is nothing that this can be.")  # nor quoted: it may be a key
        found[name] = value
    return found


def _endpoint(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc or parts.query or parts.fragment:
        raise _no_address("Its 'endpoint' is no web address of a host; keys do not belong into it.")
    if parts.scheme == "http" and not _is_near(host):
        raise _no_address(
            "Its 'endpoint' is plain http to a host of the open network: files could be read on the way.",
            "Write https://; plain http is for this machine, private addresses, names without a dot, "
            "and names that end with .local or .internal.",
        )
    return value.rstrip("/")


def _is_near(host: str) -> bool:
    """Whether a host is on a network of one's own, as far as its name says it; nobody is asked."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _NEAR_NAME.fullmatch(host) is not None
    return any(address in network for network in _NEAR)


def _prefix(path: str) -> str:
    prefix = path.strip("/")
    try:
        checked_key(f"{OUTPUTS}/{prefix or OUTPUTS}")
    except InvalidInput:
        raise _no_address("What stands behind the bucket cannot be a folder in it.") from None
    return prefix


def _check_two_buckets(scheme: Scheme, prefix: str, parameters: Mapping[str, str]) -> None:
    if prefix:
        raise _no_address("It has a folder and no bucket.")
    if scheme == "gs" or (scheme == "s3" and "endpoint" not in parameters):
        # Names of buckets are shared by all customers there: `outputs` is somebody else's.
        raise _no_address("It names no bucket.")


def _no_address(why: str, next_step: str = _WRITE_IT) -> ConfigurationError:
    msg = f"The address of the store is not one of an object store. {why}"
    return ConfigurationError(msg, next_step=next_step)


def _no_bucket(name: str) -> ConfigurationError:
    shown = "" if ":" in name else f", '{printable(name, 80)}',"  # a pair of keys has a colon, and so has a host
    return _no_address(
        f"What stands behind '//'{shown} is not the name of a bucket: letters, digits, dots, dashes and underscores, "
        "a letter or a digit first. A host is given as 'endpoint'."
    )


def _holds_key(scheme: Scheme) -> ConfigurationError:
    msg = "The address of the store holds a key or a name of one. Addresses end in logs."
    return ConfigurationError(msg, next_step=f"Remove it there, and set {VARIABLES[scheme]}.")
