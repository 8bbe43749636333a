"""The Fargate variant: gateways that run on, stream, and open WebSockets; they end their calls before they go."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs

from . import scaling
from .balancer import balancer, health_check
from .base import PASSWORD, Base
from .settings import ServiceSettings, Settings
from .watching import MINUTE, Watching

STATE = "/var/lib/penstock"
"""All that a task may write to; it goes with the task."""
COLLECTOR = "public.ecr.aws/aws-observability/aws-otel-collector:v0.43.3"
LARGEST_STOP = 120
"""Seconds: so long Fargate waits after SIGTERM, and no longer."""


class Service(cdk.Stack):
    """See the module."""

    def __init__(self, scope: cdk.App, settings: Settings, base: Base, image: str) -> None:
        super().__init__(scope, f"{settings.name}-service", env=settings.env)
        wants = settings.service
        assert wants is not None
        cluster = ecs.Cluster(self, "Cluster", vpc=base.vpc, container_insights_v2=ecs.ContainerInsights.ENABLED)
        task = self._task(settings, wants, base, image)
        service = ecs.FargateService(
            self, "Service", cluster=cluster, task_definition=task, desired_count=wants.min,
            min_healthy_percent=100, max_healthy_percent=200, security_groups=[base.gateways(self)],
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            health_check_grace_period=cdk.Duration.seconds(60),
        )  # fmt: skip
        scaling.of_service(settings, wants, service)
        group = elbv2.ApplicationTargetGroup(
            self, "Targets", vpc=base.vpc, target_type=elbv2.TargetType.IP, port=wants.port,
            protocol=elbv2.ApplicationProtocol.HTTP, health_check=health_check(),
            # A task that goes gets no new calls, and this long for those it has; then SIGTERM, and drain once more.
            deregistration_delay=cdk.Duration.seconds(wants.drain),
            load_balancing_algorithm_type=elbv2.TargetGroupLoadBalancingAlgorithmType.LEAST_OUTSTANDING_REQUESTS,
        )  # fmt: skip
        service.attach_to_application_target_group(group)
        front = balancer(self, base.vpc, settings, group, wants.idle)
        self._watch(settings, service, front, group)

    def _task(self, settings: Settings, wants: ServiceSettings, base: Base, image: str) -> ecs.FargateTaskDefinition:
        arm = ecs.CpuArchitecture.ARM64 if settings.arm else ecs.CpuArchitecture.X86_64
        task = ecs.FargateTaskDefinition(
            self, "Task", cpu=wants.cpu, memory_limit_mib=wants.memory,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=arm, operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
        )  # fmt: skip
        log = logs.LogGroup(self, "Log", retention=logs.RetentionDays.ONE_MONTH)
        task.add_volume(name="state")
        platform = assets.Platform.LINUX_ARM64 if settings.arm else assets.Platform.LINUX_AMD64
        gateway = task.add_container(
            "gateway",
            image=ecs.ContainerImage.from_asset(image, platform=platform, target="service"),
            command=["serve", "--config", "/etc/penstock/penstock.yaml", "--host", "0.0.0.0",
                     "--port", str(wants.port), "--workers", str(max(1, wants.cpu // 1024))],
            environment={
                **base.variables, "XDG_CONFIG_HOME": STATE, "XDG_RUNTIME_DIR": STATE, "TMPDIR": STATE,
                "PENSTOCK_MEMORY_LIMIT": f"{wants.memory * 85 // 100}MiB",
            },
            secrets=self._secrets(settings, base),
            readonly_root_filesystem=True, user="10001", essential=True,
            stop_timeout=cdk.Duration.seconds(min(LARGEST_STOP, wants.drain + 5)),
            port_mappings=[ecs.PortMapping(container_port=wants.port)],
            logging=ecs.LogDrivers.aws_logs(stream_prefix="gateway", log_group=log),
        )  # fmt: skip
        gateway.add_mount_points(ecs.MountPoint(container_path=STATE, source_volume="state", read_only=False))
        if settings.tracing:
            self._collector(task, log)
        return task

    @staticmethod
    def _secrets(settings: Settings, base: Base) -> dict[str, ecs.Secret]:
        """By reference: the value is read as a task starts, and stands in no template."""
        names = ["PENSTOCK_KEYS", *settings.secret_names]
        found = {name: ecs.Secret.from_secrets_manager(base.secret, name) for name in names}
        if base.store_secret is not None:
            found[PASSWORD] = ecs.Secret.from_secrets_manager(base.store_secret, PASSWORD)
        return found

    @staticmethod
    def _collector(task: ecs.FargateTaskDefinition, log: logs.LogGroup) -> None:
        """Takes the gateway's OTLP on 127.0.0.1:4318, and hands traces to X-Ray."""
        task.add_container(
            "collector", image=ecs.ContainerImage.from_registry(COLLECTOR), essential=False, memory_reservation_mib=128,
            command=["--config=/etc/ecs/ecs-default-config.yaml"], readonly_root_filesystem=True,
            logging=ecs.LogDrivers.aws_logs(stream_prefix="collector", log_group=log),
        )  # fmt: skip
        task.add_to_task_role_policy(
            iam.PolicyStatement(  # X-Ray has no resources to name
                actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules",
                         "xray:GetSamplingTargets"],
                resources=["*"],
            )
        )  # fmt: skip

    def _watch(
        self, settings: Settings, service: ecs.FargateService, front: elbv2.ApplicationLoadBalancer,
        group: elbv2.ApplicationTargetGroup,
    ) -> None:  # fmt: skip
        watching = Watching(self, settings, "service")
        watching.of_balancer(front, group)
        sick = group.metrics.unhealthy_host_count(period=MINUTE, statistic="Maximum")
        watching.alarm("Unhealthy", sick, 0, 3, "a task does not answer /health")
        watching.dashboard(
            [front.metrics.request_count(period=MINUTE), front.metrics.active_connection_count(period=MINUTE)],
            [service.metric_cpu_utilization(period=MINUTE), service.metric_memory_utilization(period=MINUTE)],
            [group.metrics.target_response_time(period=MINUTE, statistic="p95"), sick],
        )
