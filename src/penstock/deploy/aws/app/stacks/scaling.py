"""How many there are: target tracking, the steps of the composite metric, and bounds by the clock."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from .settings import FunctionSettings, ServiceSettings, Settings

ROLE = "role/aws-service-role/lambda.application-autoscaling.amazonaws.com"
ROLE_NAME = "AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency"
"""The role that AWS itself makes, and that can do this one thing."""


def metric(settings: Settings, name: str, statistic: str = "Average") -> cloudwatch.Metric:
    """One of the metrics that the gateways write (scaling.cloudwatch in penstock.yaml)."""
    return cloudwatch.Metric(
        namespace=settings.namespace, metric_name=name, dimensions_map={"Service": settings.name},
        statistic=statistic, period=cdk.Duration.minutes(1),
    )  # fmt: skip


def of_function(scope: Construct, settings: Settings, wants: FunctionSettings, alias: lambda_.Alias) -> None:
    """Provisioned concurrency. Application Auto Scaling knows no step policies for Lambda: the composite metric is
    tracked instead; for steps let a gateway decide (scaling.pools.<name>.aws in penstock.yaml)."""
    target = appscaling.ScalableTarget(
        scope, "Concurrency", service_namespace=appscaling.ServiceNamespace.LAMBDA,
        resource_id=f"function:{alias.lambda_.function_name}:{alias.alias_name}",
        scalable_dimension="lambda:function:ProvisionedConcurrency", min_capacity=wants.min, max_capacity=wants.max,
        role=iam.Role.from_role_arn(scope, "ScalingRole", cdk.Stack.of(scope).format_arn(
            service="iam", region="", resource=ROLE, resource_name=ROLE_NAME
        )),
    )  # fmt: skip
    target.node.add_dependency(alias)
    scaling = settings.scaling
    pauses = {
        "scale_out_cooldown": cdk.Duration.seconds(scaling.cooldown_out),
        "scale_in_cooldown": cdk.Duration.seconds(scaling.cooldown_in),
    }
    used = appscaling.PredefinedMetric.LAMBDA_PROVISIONED_CONCURRENCY_UTILIZATION
    target.scale_to_track_metric("Utilisation", predefined_metric=used, target_value=scaling.utilisation, **pauses)
    composite = metric(settings, "Composite")
    target.scale_to_track_metric("Composite", custom_metric=composite, target_value=scaling.composite, **pauses)
    for one in wants.schedules:
        target.scale_on_schedule(
            f"At{one.name}", schedule=one.expression, time_zone=one.zone, min_capacity=one.min, max_capacity=one.max
        )


def of_service(settings: Settings, wants: ServiceSettings, service: ecs.FargateService) -> ecs.ScalableTaskCount:
    """Tasks: by their CPU, by the steps of the composite metric, whichever asks for more, and by the clock."""
    scaling = settings.scaling
    count = service.auto_scale_task_count(min_capacity=wants.min, max_capacity=wants.max)
    count.scale_on_cpu_utilization(
        "Utilisation", target_utilization_percent=round(scaling.utilisation * 100),
        scale_out_cooldown=cdk.Duration.seconds(scaling.cooldown_out),
        scale_in_cooldown=cdk.Duration.seconds(scaling.cooldown_in),
    )  # fmt: skip
    count.scale_on_metric(
        "Composite", metric=metric(settings, "Composite"), scaling_steps=_steps(scaling.steps),
        adjustment_type=appscaling.AdjustmentType.CHANGE_IN_CAPACITY,
        cooldown=cdk.Duration.seconds(scaling.cooldown_steps),
    )  # fmt: skip
    for one in wants.schedules:
        count.scale_on_schedule(
            f"At{one.name}", schedule=one.expression, time_zone=one.zone, min_capacity=one.min, max_capacity=one.max
        )
    return count


def _steps(rows: list[list[float]]) -> list[appscaling.ScalingInterval]:
    """Each band from the end of the one before to its own; the last has none."""
    made, lower = [], 0.0
    for upper, change in rows:
        made.append(appscaling.ScalingInterval(lower=lower, upper=upper or None, change=change))
        lower = upper
    return made
