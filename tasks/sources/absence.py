"""What proves that a window has nothing: a window without data is empty only then, and empties what is published.

A bucket proves it by listing the key's prefix, a folder by being there. A web server's 404 alone proves nothing: a wrong host,
a path that was moved and a service that isn't deployed answer so to everything. It counts when the server has the page of
another window, or the folder of this one; 410 says of itself that the page was there.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

from deployments.addresses import file_path, is_s3
from deployments.errors import HeadgateError, SourceMissingError, UpstreamError
from tasks.sources import web
from tasks.sources.address import Place

MAX_PROBES = 8


def prove(absent: SourceMissingError, place: Place, template: Place, others: Iterable[Place]) -> None:
    """Raise UpstreamError unless what isn't at `place` is proven not to be there.

    `template`: the place before its placeholders were filled in; `others`: the places of other windows, nearest first.
    """
    if is_s3(place.url):
        # The listing was made when the key wasn't found.
        return
    if place.url.startswith("http"):
        if absent.facts.get("status") == 410 or _is_there(_folder(place)) or any(_is_there(other) for other in others):
            return
        raise unproven(absent, "so are the pages of the windows beside it: that may be a wrong host or path as well")
    folder = file_path(template.url.partition("{")[0] + "x").parent
    if not folder.is_dir():
        raise unproven(absent, f"neither is the folder above it, {folder}")


def _folder(place: Place) -> Place | None:
    parts = urlsplit(place.url)
    path = parts.path.rpartition("/")[0] + "/"
    # What a server shows at its root says nothing of the paths below it.
    return (
        None
        if path == "/"
        else Place(urlunsplit(parts._replace(path=path)), place.base, place.hosts, True, place.connection)
    )


def _is_there(place: Place | None) -> bool:
    try:
        return place is not None and web.exists(place)
    except HeadgateError:
        return False


def unproven(absent: SourceMissingError, why: str) -> UpstreamError:
    """The failure where nothing is there, and nothing proves that there is nothing to be had."""
    return UpstreamError(
        f"{absent.message}, and {why}; that doesn't prove an empty window",
        code="NOT-PROVEN-EMPTY",
        next_command="headgate check --connect; ask the source's owner; then: headgate retry RUN",
    )
