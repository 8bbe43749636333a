"""Alarms to one topic, and one dashboard, of either variant."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from .scaling import metric
from .settings import Settings

MINUTE = cdk.Duration.minutes(1)
NAMES = ("Composite", "ResponseTime", "TokenRate", "CacheHitRate", "Waiting", "DesiredReplicas", "ForecastLoad")


class Watching(Construct):
    """``alarm`` adds one; ``dashboard`` is made once all is known."""

    def __init__(self, scope: Construct, settings: Settings, variant: str) -> None:
        super().__init__(scope, "Watching")
        self._settings = settings
        self._variant = variant
        self.topic = sns.Topic(self, "Alarms", enforce_ssl=True)
        if settings.alarm_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(settings.alarm_email))
        self.alarm("CompositeHigh", metric(settings, "Composite"), 90, 3, "calls are slow, or stall")
        self.alarm("CallsWait", metric(settings, "Waiting", "Maximum"), 50, 3, "calls wait for a replica")

    def alarm(self, name: str, of: cloudwatch.IMetric, over: float, minutes: int, why: str) -> None:
        """Told when ``of`` is over a value for so many minutes on end. No data is no alarm: nobody calls."""
        made = cloudwatch.Alarm(
            self, name, metric=of, threshold=over, evaluation_periods=minutes, alarm_description=why,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )  # fmt: skip
        told = actions.SnsAction(self.topic)
        made.add_alarm_action(told)
        made.add_ok_action(told)

    def of_balancer(self, balancer: elbv2.ApplicationLoadBalancer, group: elbv2.ApplicationTargetGroup) -> None:
        """Alarms about what the balancer sees."""
        own = balancer.metrics.http_code_elb(elbv2.HttpCodeElb.ELB_5XX_COUNT, period=MINUTE, statistic="Sum")
        theirs = group.metrics.http_code_target(elbv2.HttpCodeTarget.TARGET_5XX_COUNT, period=MINUTE, statistic="Sum")
        self.alarm("BalancerErrors", own, 10, 3, "the balancer itself answers 5xx")
        self.alarm("GatewayErrors", theirs, 50, 3, "gateways answer 5xx")
        slow = group.metrics.target_response_time(period=MINUTE, statistic="p95")
        self.alarm("Slow", slow, 20, 5, "the 95 % quantile of an answer is over 20 s")

    def dashboard(self, *rows: list[cloudwatch.IMetric]) -> None:
        """One graph a row, and one for each metric that gateways write."""
        board = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=f"{self._settings.name}-{self._variant}")
        for row in rows:
            board.add_widgets(cloudwatch.GraphWidget(left=row, width=24))
        graphs = [cloudwatch.GraphWidget(title=name, left=[metric(self._settings, name)], width=8) for name in NAMES]
        for at in range(0, len(graphs), 3):
            board.add_widgets(*graphs[at : at + 3])
