"""The Lambda variant: a function from the image, kept warm, behind a balancer, and streaming by a URL of its own."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as assets
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_elasticloadbalancingv2_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from . import scaling
from .balancer import balancer, health_check
from .base import Base
from .settings import FunctionSettings, Settings
from .watching import MINUTE, Watching

CONFIG = "/etc/penstock/penstock.yaml"
OVERHEAD_MB = 208
"""Of the function's memory: for the interpreter's own and the runtime; the gateway keeps to the rest."""


class Function(cdk.Stack):
    """See the module."""

    def __init__(self, scope: cdk.App, settings: Settings, base: Base, image: str) -> None:
        super().__init__(scope, f"{settings.name}-function", env=settings.env)
        wants = settings.function
        assert wants is not None
        function = self._function(settings, wants, base, image)
        alias = lambda_.Alias(
            self, "Live", alias_name="live", version=function.current_version,
            provisioned_concurrent_executions=wants.min,
        )  # fmt: skip
        scaling.of_function(self, settings, wants, alias)
        group = elbv2.ApplicationTargetGroup(
            self, "Targets", target_type=elbv2.TargetType.LAMBDA, targets=[targets.LambdaTarget(alias)],
            health_check=health_check(), multi_value_headers_enabled=True,
        )  # fmt: skip
        front = balancer(self, base.vpc, settings, group, wants.timeout + 5)
        if wants.streams:
            self._url(wants, alias)
        self._watch(settings, alias, front, group)

    def _function(
        self, settings: Settings, wants: FunctionSettings, base: Base, image: str
    ) -> lambda_.DockerImageFunction:
        secrets = [base.secret, *([base.store_secret] if base.store_secret is not None else [])]
        platform = assets.Platform.LINUX_ARM64 if settings.arm else assets.Platform.LINUX_AMD64
        function = lambda_.DockerImageFunction(
            self, "Function",
            code=lambda_.DockerImageCode.from_image_asset(
                image, platform=platform, target="function-traced" if settings.tracing else "function",
                cmd=["lambda", "--config", CONFIG, *([] if wants.streams else ["--buffered"])],
            ),
            architecture=lambda_.Architecture.ARM_64 if settings.arm else lambda_.Architecture.X86_64,
            memory_size=wants.memory, timeout=cdk.Duration.seconds(wants.timeout),
            vpc=base.vpc, vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            security_groups=[base.gateways(self)],
            tracing=lambda_.Tracing.ACTIVE if settings.tracing else lambda_.Tracing.DISABLED,
            log_group=logs.LogGroup(self, "Log", retention=logs.RetentionDays.ONE_MONTH),
            environment={
                **base.variables,
                "PENSTOCK_SECRET": ",".join(secret.secret_arn for secret in secrets),
                "PENSTOCK_MEMORY_LIMIT": f"{wants.memory - OVERHEAD_MB}MiB",
            },
        )  # fmt: skip
        for secret in secrets:
            secret.grant_read(function)
        return function

    def _url(self, wants: FunctionSettings, alias: lambda_.Alias) -> None:
        """A balancer neither streams from Lambda nor takes more than 1 MB: this does."""
        open_to_all = wants.url_auth == "none"  # the gateway asks every caller for a key
        url = alias.add_function_url(
            auth_type=lambda_.FunctionUrlAuthType.NONE if open_to_all else lambda_.FunctionUrlAuthType.AWS_IAM,
            invoke_mode=lambda_.InvokeMode.RESPONSE_STREAM,
        )
        cdk.CfnOutput(self, "StreamUrl", value=url.url)

    def _watch(
        self, settings: Settings, alias: lambda_.Alias, front: elbv2.ApplicationLoadBalancer,
        group: elbv2.ApplicationTargetGroup,
    ) -> None:  # fmt: skip
        watching = Watching(self, settings, "function")
        watching.of_balancer(front, group)
        spilled = alias.metric("ProvisionedConcurrencySpilloverInvocations", period=MINUTE, statistic="Sum")
        used = alias.metric("ProvisionedConcurrencyUtilization", period=MINUTE, statistic="Maximum")
        errors, throttles = alias.metric_errors(period=MINUTE), alias.metric_throttles(period=MINUTE)
        watching.alarm("Errors", errors, 10, 3, "invocations fail")
        watching.alarm("Throttles", throttles, 0, 3, "callers are turned away: raise the account's concurrency")
        watching.alarm("ColdStarts", spilled, 10, 3, "calls met no warm sandbox: raise max")
        watching.dashboard(
            [alias.metric_invocations(period=MINUTE), errors, throttles, spilled], [used],
            [alias.metric_duration(period=MINUTE, statistic="p95")],
        )  # fmt: skip
