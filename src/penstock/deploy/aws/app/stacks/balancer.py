"""The load balancer before either variant: TLS, health checks, and no way in to what only operators may see."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct

from .settings import Settings

PRIVATE_PATHS = ["/admin/*", "/metrics", "/ui", "/ui/*"]


def health_check() -> elbv2.HealthCheck:
    """Every 30 s, with time for a gateway that is busy; out after three failures, in again after two answers."""
    return elbv2.HealthCheck(
        enabled=True, path="/health", healthy_http_codes="200", interval=cdk.Duration.seconds(30),
        timeout=cdk.Duration.seconds(25), healthy_threshold_count=2, unhealthy_threshold_count=3,
    )  # fmt: skip


def balancer(
    scope: Construct, vpc: ec2.IVpc, settings: Settings, group: elbv2.ApplicationTargetGroup, idle: int
) -> elbv2.ApplicationLoadBalancer:
    """A balancer whose only target is ``group``. ``idle``: seconds that a call may be silent."""
    made = elbv2.ApplicationLoadBalancer(
        scope, "Balancer", vpc=vpc, internet_facing=not settings.internal, idle_timeout=cdk.Duration.seconds(idle),
        drop_invalid_header_fields=True,
    )  # fmt: skip
    if settings.certificate:
        listener = made.add_listener(
            "Calls", port=443, certificates=[elbv2.ListenerCertificate.from_arn(settings.certificate)],
            ssl_policy=elbv2.SslPolicy.TLS13_RES, default_target_groups=[group], open=True,
        )  # fmt: skip
        made.add_redirect()
    else:
        listener = made.add_listener("Calls", port=80, default_target_groups=[group], open=False)
        made.connections.allow_from(ec2.Peer.ipv4(vpc.vpc_cidr_block), ec2.Port.tcp(80))
    listener.add_action(
        "Private", priority=10, conditions=[elbv2.ListenerCondition.path_patterns(PRIVATE_PATHS)],
        action=elbv2.ListenerAction.fixed_response(404),
    )  # fmt: skip
    cdk.CfnOutput(scope, "Address", value=made.load_balancer_dns_name)
    return made
