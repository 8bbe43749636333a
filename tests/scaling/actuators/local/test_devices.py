from penstock.scaling.actuators.local.devices import Devices, visible


def test_each_is_given_to_one_at_a_time() -> None:
    devices = Devices(["0", "1", "2", "3"])
    assert devices.take(2) == ["0", "1"]
    assert devices.take(2, ["1", "2"]) is None
    assert devices.take(1, ["1", "2"]) == ["2"]
    assert (devices.free(), devices.free(["0", "1"])) == (1, 0)
    devices.give(["0", "1"])
    assert devices.take(3) == ["0", "1", "3"]
    assert devices.take(0) == []


def test_our_own_environment_says_which_we_may_use_else_the_device_files() -> None:
    nodes = ["nvidia0", "nvidiactl", "nvidia10", "nvidia2", "nvidia-uvm"]
    assert visible({}, nodes) == ["0", "2", "10"]
    assert visible({"CUDA_VISIBLE_DEVICES": "GPU-a, 3"}, nodes) == ["GPU-a", "3"]
    assert visible({"CUDA_VISIBLE_DEVICES": "-1"}, nodes) == []
