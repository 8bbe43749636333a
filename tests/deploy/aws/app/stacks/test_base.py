"""Network, store and secrets."""

import pytest

from tests.deploy.aws.conftest import Synthesised

pytestmark = [pytest.mark.cdk, pytest.mark.slow]


def test_the_store_is_encrypted_doubled_and_asks_for_a_password_that_no_template_holds(
    synthesised: Synthesised,
) -> None:
    store = synthesised.one("base", "ElastiCache::ReplicationGroup")
    assert (store["Engine"], store["NumCacheClusters"], store["AutomaticFailoverEnabled"]) == ("valkey", 2, True)
    assert store["TransitEncryptionEnabled"]
    assert store["AtRestEncryptionEnabled"]
    assert "{{resolve:secretsmanager:" in str(store["AuthToken"])
    secret = synthesised.one("base", "SecretsManager::Secret")
    assert secret["GenerateSecretString"]["GenerateStringKey"] == "PENSTOCK_STORE_PASSWORD"
    assert secret["GenerateSecretString"]["ExcludePunctuation"]  # it stands in a URL


@pytest.mark.parametrize("stack", ["function", "service"])
def test_only_gateways_reach_the_store(synthesised: Synthesised, stack: str) -> None:
    store = next(
        one for one in synthesised.all("base", "EC2::SecurityGroup") if one["GroupDescription"] == "Penstock store"
    )
    assert "SecurityGroupIngress" not in store
    rules = [one for one in synthesised.all(stack, "EC2::SecurityGroupIngress") if one["FromPort"] == 6379]
    assert len(rules) == 1
    assert "Gateways" in str(rules[0]["SourceSecurityGroupId"])


def test_a_sandbox_reads_secrets_without_the_internet(synthesised: Synthesised) -> None:
    assert "secretsmanager" in str(synthesised.one("base", "EC2::VPCEndpoint")["ServiceName"])
