"""An Auto Scaling group of moto's."""

import asyncio
from typing import Any

import pytest

from penstock.scaling.actuators.actuator import ActuatorError
from penstock.scaling.actuators.aws.group.service import Group
from penstock.scaling.actuators.aws_config import GroupConfig
from penstock.scaling.size import Size
from tests.support.aws import REGION, PlayedAws, client


def _group(desired: int, most: int = 5) -> tuple[Any, PlayedAws, Group]:
    ec2 = client("ec2")
    image = ec2.register_image(Name="engine")["ImageId"]
    scaling = client("autoscaling")
    ec2.create_launch_template(
        LaunchTemplateName="gpu", LaunchTemplateData={"ImageId": image, "InstanceType": "t3.micro"}
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="gpus", MinSize=0, MaxSize=most, DesiredCapacity=desired,
        LaunchTemplate={"LaunchTemplateName": "gpu"}, AvailabilityZones=[f"{REGION}a"],
    )  # fmt: skip
    aws = PlayedAws()
    return scaling, aws, Group(GroupConfig(name="gpus", port=8000), aws, 1.5)


def test_instances_are_replicas_with_the_addresses_that_ec2_tells() -> None:
    _, _, group = _group(2)
    standing = asyncio.run(group.current())
    assert (standing.wanted, standing.price) == (2, 1.5)
    assert [one.state for one in standing.replicas] == ["ready", "ready"]
    assert all(one.name.startswith("i-") and one.address.endswith(":8000") for one in standing.replicas)
    assert all(one.asked > 0 for one in standing.replicas)


def test_it_grows() -> None:
    async def main() -> None:
        _, aws, group = _group(1)
        await group.want(3)
        assert (await group.current()).wanted == 3
        await group.want(3)
        assert [name for name, _ in aws.asked] == ["set_desired_capacity"]  # the second time there was nothing to do

    asyncio.run(main())


def test_exactly_the_victims_go() -> None:
    async def main() -> None:
        _, aws, group = _group(4)
        names = [one.name for one in (await group.current()).replicas]
        await group.want(2, [names[1], names[2]])
        standing = await group.current()
        assert standing.wanted == 2
        assert {one.name for one in standing.replicas if one.state == "ready"} == {names[0], names[3]}
        assert [name for name, _ in aws.asked] == ["terminate_instance_in_auto_scaling_group"] * 2

    asyncio.run(main())


def test_a_victim_that_went_by_itself_takes_no_other_with_it() -> None:
    async def main() -> None:
        _, _, group = _group(2)
        names = [one.name for one in (await group.current()).replicas]
        await group.want(1, ["i-gone", names[0]])
        assert [one.name for one in (await group.current()).of("ready")] == [names[1]]

    asyncio.run(main())


def test_asked_again_for_the_same_it_does_not_end_more() -> None:
    async def main() -> None:
        _, _, group = _group(3)
        names = [one.name for one in (await group.current()).replicas]
        await group.want(2, [names[0]])
        await group.want(2, [names[0], names[1]])
        assert (await group.current()).wanted == 2

    asyncio.run(main())


def test_more_than_the_group_may_have_is_said() -> None:
    async def main() -> None:
        _, _, group = _group(1, most=2)
        with pytest.raises(ActuatorError, match="its MaxSize is 2, and 3 are wanted"):
            await group.want(3)

    asyncio.run(main())


def test_a_group_that_is_not_there_is_said() -> None:
    with pytest.raises(ActuatorError, match="Auto Scaling group nobody: there is none"):
        asyncio.run(Group(GroupConfig(name="nobody"), PlayedAws()).current())


def test_an_instance_is_as_large_as_its_type() -> None:
    _, aws, group = _group(1)
    with pytest.raises(ActuatorError, match="as large as the type in its launch template"):
        asyncio.run(group.resize(Size(cpu=4.0)))
    assert aws.asked == []
