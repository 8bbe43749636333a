"""What both variants stand on: the network, the shared store, and the secrets, by reference."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_secretsmanager as secretsmanager

from .settings import Settings, StoreSettings

PASSWORD = "PENSTOCK_STORE_PASSWORD"
STORE_PORT = 6379


class Base(cdk.Stack):
    """``variables``: what every gateway is told, none of it secret."""

    def __init__(self, scope: cdk.App, settings: Settings) -> None:
        super().__init__(scope, f"{settings.name}-base", env=settings.env)
        self.vpc = self._network(settings)
        self.store_group: ec2.SecurityGroup | None = None
        self.secret = secretsmanager.Secret.from_secret_name_v2(self, "Secret", settings.secret)
        self.store_secret: secretsmanager.Secret | None = None
        self.variables = {
            **settings.environment,
            "PENSTOCK_VPC_CIDR": self.vpc.vpc_cidr_block,
            "PENSTOCK_SERVICE": settings.name,
        }
        if settings.store is not None:
            self._store(settings.name, settings.store)

    def _network(self, settings: Settings) -> ec2.IVpc:
        if settings.vpc:
            return ec2.Vpc.from_lookup(self, "Vpc", vpc_id=settings.vpc)
        vpc = ec2.Vpc(self, "Vpc", max_azs=2, nat_gateways=1)
        # A sandbox reads its secrets as it starts: not by way of the internet.
        vpc.add_interface_endpoint("SecretsManager", service=ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER)
        return vpc

    def _store(self, name: str, store: StoreSettings) -> None:
        """Valkey with a password that only Secrets Manager knows. Encrypted, and with a second node in another zone."""
        self.store_secret = secretsmanager.Secret(
            self, "StoreSecret", description=f"Password of the store of {name}",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template="{}", generate_string_key=PASSWORD, exclude_punctuation=True, password_length=48
            ),
        )  # fmt: skip
        group = ec2.SecurityGroup(self, "Store", vpc=self.vpc, description="Penstock store", allow_all_outbound=False)
        self.store_group = group
        subnets = elasticache.CfnSubnetGroup(
            self, "StoreSubnets", description=f"Store of {name}",
            subnet_ids=self.vpc.select_subnets(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS).subnet_ids,
        )  # fmt: skip
        several = store.nodes > 1
        cache = elasticache.CfnReplicationGroup(
            self, "StoreNodes", replication_group_description=f"Store of {name}", engine="valkey",
            cache_node_type=store.node, num_cache_clusters=store.nodes, automatic_failover_enabled=several,
            multi_az_enabled=several, at_rest_encryption_enabled=True, transit_encryption_enabled=True,
            auth_token=self.store_secret.secret_value_from_json(PASSWORD).unsafe_unwrap(),  # a reference, not the value
            cache_subnet_group_name=subnets.ref, security_group_ids=[group.security_group_id], port=STORE_PORT,
            snapshot_retention_limit=7,
        )  # fmt: skip
        cache.apply_removal_policy(cdk.RemovalPolicy.SNAPSHOT)
        self.variables["PENSTOCK_STORE_HOST"] = cache.attr_primary_end_point_address

    def gateways(self, scope: cdk.Stack) -> ec2.SecurityGroup:
        """A security group for the gateways of ``scope``, which may reach the store. The rule is made there: the base
        hangs on nobody."""
        group = ec2.SecurityGroup(scope, "Gateways", vpc=self.vpc, description="Penstock gateways")
        if self.store_group is not None:
            ec2.CfnSecurityGroupIngress(
                scope, "ToStore", ip_protocol="tcp", from_port=STORE_PORT, to_port=STORE_PORT,
                group_id=self.store_group.security_group_id, source_security_group_id=group.security_group_id,
            )  # fmt: skip
        return group
