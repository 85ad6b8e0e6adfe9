"""Services we have no renderer for, through apprise (extra 'notify'): Teams, Discord, Opsgenie, ..."""

from __future__ import annotations

from deployments.errors import DeclarationError, HeadgateError
from tasks.notices.channels import Channel
from tasks.notices.mail import plain_text
from tasks.notices.notice import Notice


def send_bridged(channel: Channel, notice: Notice, failed: type[HeadgateError]) -> None:
    """Send a notice as title and text. `failed` is raised when the service didn't take it: apprise doesn't say why."""
    try:
        import apprise
    except ModuleNotFoundError:
        raise DeclarationError(
            f"HEADGATE_NOTIFY_{channel.name.upper()} needs apprise", code="NOTIFY-CHANNEL",
            next_command="pip install 'headgate[notify]'",
        ) from None  # fmt: skip
    service = apprise.Apprise()
    if not service.add(channel.address):
        raise DeclarationError(
            f"HEADGATE_NOTIFY_{channel.name.upper()} isn't an address that apprise knows", code="NOTIFY-CHANNEL",
            next_command="docs/on-call-rota.md lists the forms of addresses",
        )  # fmt: skip
    kinds = {
        "critical": apprise.NotifyType.FAILURE,
        "major": apprise.NotifyType.WARNING,
        "minor": apprise.NotifyType.INFO,
    }
    kind = apprise.NotifyType.SUCCESS if notice.resolves else kinds[notice.severity]
    # The first two lines repeat the title.
    body = plain_text(notice).split("\n", 3)[-1]
    if not service.notify(title=notice.title, body=body, notify_type=kind, body_format=apprise.NotifyFormat.TEXT):
        raise failed(f"channel '{channel.name}' didn't take it")
